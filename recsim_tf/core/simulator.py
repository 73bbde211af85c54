"""The simulator: B users at once meet slates of documents, step by step, in pure functions."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import gin
import tensorflow as tf

from recsim_tf.core import nests, random
from recsim_tf.core.base import validation
from recsim_tf.core.base.corpora import OwnCorpora, SharedCorpora
from recsim_tf.core.base.parameters import Model
from recsim_tf.core.base.types import (
    InitialDraws,
    LogProb,
    Nest,
    Observation,
    Policy,
    Seed,
    SimulatorState,
    Slate,
    Trajectory,
    Transition,
    Turn,
)
from recsim_tf.core.models.models import DocumentModel, UserModel
from recsim_tf.core.runs import population, resimulation, scoring
from recsim_tf.core.runs.execution import without_autograph
from recsim_tf.core.runs.kept import Kept
from recsim_tf.core.runs.rollout import Loop, fold, rollout
from recsim_tf.core.step import stages, steps, turns
from recsim_tf.core.step.acting import check_policy
from recsim_tf.core.step.session_source import SessionSource


@gin.configurable(module="recsim_tf")
def click_reward(response: Nest) -> tf.Tensor:
    """[B]: number of clicks, RecSim's `total_clicks_reward`."""
    return tf.reduce_sum(response.clicked, axis=-1)


@gin.configurable
@without_autograph
class Simulator(Model, SessionSource):
    """Simulates users who meet slates of documents.

    All methods are pure: state in, state out, seed in. They run eagerly, inside a `tf.function` and
    under XLA. Slates are checked for dtype and shape always, for their values only with
    `validate=True`, because XLA drops assertions.

    Args:
      users: the user model.
      documents: the document model.
      slate_size: K, the positions of a slate. A slate may be shorter, padded with -1.
      num_candidates: N, the documents that the agent chooses from at each step.
      reward_fn: maps a response (nest of [B, ...]) to the reward [B]; by default the number of
        clicks. A function of two arguments also gets the state in which the users responded, a
        nest of [B, ...].
      resample_documents: whether each step brings new candidates. If not, a row keeps its
        candidates and their hidden attributes for ever, also when another user takes the row (as
        in RecSim).
      max_steps: the time limit of a session in steps, or None. A session that ends by it is
        truncated, not terminated.
      allow_duplicates: whether a slate may show a candidate twice (RecSim's rule). It matters only
        where slates are checked.
      validate: whether to check the values of slates.
      num_users: B if a parameter of the models is a tensor [B], so that the simulator is for B
        users only; None for any number.
      users_per_world: U, where the documents are shared: how many users meet, and change, the same
        corpus; None if all users are one world.
      query_spec: what the system can say or ask beside a slate: a nest of specs of the query to one
        user, as `recsim_tf.core.step.turns.query_spec` makes them. With one, an action is a `Turn`
        of slate and query; () means that the system only shows slates.

    Raises:
      ValueError: if slate_size, num_candidates, max_steps or users_per_world is out of range, if
        there are worlds though users share no corpus, or if query_spec holds something else than
        specs.
    """

    users: UserModel
    documents: DocumentModel
    slate_size: int = 3
    num_candidates: int = 10
    reward_fn: Callable[..., tf.Tensor] = click_reward
    resample_documents: bool = True
    max_steps: int | None = None
    allow_duplicates: bool = False
    validate: bool = False
    num_users: int | None = None
    query_spec: Nest = ()
    users_per_world: int | None = None

    def check(self) -> None:
        validation.check_type("users", self.users, UserModel)
        validation.check_type("documents", self.documents, DocumentModel)
        if not callable(self.reward_fn):
            raise ValueError(f"reward_fn must be a function of a response, got {self.reward_fn!r}")
        validation.check_count(num_candidates=self.num_candidates)
        validation.check_slate_size(self.slate_size, self.num_candidates)
        for name in ("max_steps", "num_users", "users_per_world"):
            if self._value(name) is not None:
                validation.check_count(**{name: self._value(name)})
        population.check_worlds(self.documents, self.users_per_world)
        if self.num_users is not None:
            self.check_num_users(self.num_users)
        turns.check_query_spec(self.query_spec)
        self.users.check_documents(self.documents, self.slate_size)

    # Who is simulated.

    @property
    def corpora(self) -> OwnCorpora:
        """The corpora: one for each user, or for each world of users."""
        return SharedCorpora(self.users_per_world) if self.documents.shared else OwnCorpora()

    @property
    def fewest_users(self) -> int:
        """The smallest number of users that can be simulated."""
        return self.num_users or self.users_per_world or 1

    def check_num_users(self, num_users: int) -> None:
        """Requires a number of users for which all parameters have values.

        Raises:
          ValueError: if it is no integer of at least 1, or if the models' parameters are for
            another number of users.
        """
        population.check_num_users(self, num_users)

    def by_session(self, reader: str) -> Self:
        """The same simulator for sessions that are read one by one: where users share a corpus,
        each is a world of their own.

        Args:
          reader: of the sessions, named in errors.

        Raises:
          ValueError: if what users meet depends on the state of a corpus that they share, which one
            session does not tell.
        """
        if not self.documents.shared:
            return self
        population.check_one_by_one(reader, self.documents)
        return self.replaced(users_per_world=1)

    # Sessions begin.

    def reset(self, num_users: int, seed: Seed) -> SimulatorState:
        """Starts a session for each of `num_users` new users.

        Args:
          num_users: B, a Python int.
          seed: an integer or int32 [2].

        Raises:
          ValueError: if num_users is no integer of at least 1, or if the models' parameters are for
            another number of users.
        """
        self.check_num_users(num_users)
        return self.initial_state(self.begin(num_users, stages.Sampled(seed, InitialDraws._fields)))

    def replace(self, state: SimulatorState, who: tf.Tensor, seed: Seed) -> SimulatorState:
        """Starts a session for a new user in the rows where `who` [B] is true. The corpus and
        persistent candidates stay, and so do all candidates of a world.
        """
        return steps.replace(self, state, who, seed)

    def begin(self, num_users: int, answers: stages.Stages) -> InitialDraws:
        """The draws that start sessions, answered by `answers`."""
        return stages.begin(self, num_users, answers)

    def initial_state(self, draws: InitialDraws | SimulatorState) -> SimulatorState:
        """Maps initial draws, nests of [B, ...], to the state at the start of a session. A state
        stays as it is.
        """
        return steps.initial_state(self, draws)

    def observe(self, state: SimulatorState) -> Observation:
        """What an agent may see of a state."""
        return steps.observe(self, state)

    def observation_spec(self) -> Observation:
        """Named, bounded specs of what an agent sees of one user, without the axis of users.

        Shapes and dtypes are those of `observe`, which is traced and not run. The ranges are those
        that the models declare.
        """
        num_users = self.fewest_users
        trace = tf.function(lambda: self.observe(self.reset(num_users, seed=0)), autograph=False)
        return steps.observation_spec(self, trace.get_concrete_function().structured_outputs)

    # Sessions go on.

    def step(
        self, state: SimulatorState, action: Nest, seed: Seed
    ) -> tuple[SimulatorState, Transition]:
        """Shows each user a slate, or a turn; users whose session has ended stay as they are.

        The order is RecSim's: response of the user as they are, user update, corpus update,
        departure judged on the updated user, new candidates.

        Args:
          state: of B users.
          action: a slate, int32 or int64 [B, k], k <= slate_size, positions among the candidates;
            -1 is an empty position. With a `query_spec` it is a `Turn` of slate and query.
          seed: an integer or int32 [2].

        Returns:
          The next state and the transition.
        """
        next_state, transition, _ = self.advance(
            state, action, stages.Sampled(seed, stages.STEP_STAGES)
        )
        return self.corpora.keep_ended(state, next_state), transition

    def advance(
        self,
        state: SimulatorState,
        action: Nest,
        answers: stages.Stages,
        auto_reset: bool = False,
    ) -> tuple[SimulatorState, Transition, Nest]:
        """A step whose stages `answers` answers; see `stages.advance`. It checks the action."""
        return steps.advance(self, state, action, answers, auto_reset)

    def reward(self, response: Nest, user: Nest) -> tf.Tensor:
        """[B]: the reward of a response, a nest of [B, ...], of users in a state, a nest of [B,
        ...].
        """
        return (
            self.reward_fn(response, user) if self._reward_reads_user else self.reward_fn(response)
        )

    @functools.cached_property
    def _reward_reads_user(self) -> bool:
        """Whether the reward is one of response and state: two arguments without a default."""
        parameters = inspect.signature(self.reward_fn).parameters.values()
        needed = [
            each
            for each in parameters
            if each.default is each.empty
            and each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
        ]
        return len(needed) > 1

    def turn_conditions(self, turn: Turn) -> list[tuple[tf.Tensor, str]]:
        """(condition, message) pairs that the users require of a turn, checked with `validate`."""
        return self.users.turn_conditions(turn)

    def rollout(
        self,
        policy: Policy,
        num_users: int,
        num_steps: int,
        seed: Seed,
        auto_reset: bool = False,
        policy_state: Nest | None = None,
        state: SimulatorState | None = None,
    ) -> Trajectory:
        """Simulates users for a number of steps and keeps every draw.

        Args:
          policy: (observation, policy_state, seed) -> (action, policy_state). An action is a slate,
            or a `Turn` where there is a `query_spec`.
          num_users: B, a Python int.
          num_steps: T, a Python int.
          seed: an integer or int32 [2].
          auto_reset: False gives one session a row: a user who has left is frozen and inactive.
            With True a new user comes in the same step. The candidates of that step are then the
            new user's, and the row of the policy state begins anew.
          policy_state: the policy state at the start of a session, a nest of [B, ...]; None for
            that of the policy. With `state` it is the present one.
          state: where the users stand, of `reset`, `step` or `replay`, for B users; None for new
            users.

        Returns:
          A trajectory [T, B, ...]. Its `initial` is `state`, where that is given.

        Raises:
          ValueError: if num_users or num_steps is no integer of at least 1, if the models'
            parameters are for another number of users, or if the policy is no function that returns
            an action and a policy state.
        """
        self._check_call(policy, num_users, num_steps)

        def run(simulator, functions, inputs):
            seed, policy_state, state = inputs
            loop = Loop(simulator, *functions, num_users, seed, auto_reset, policy_state, state)
            return rollout(loop, num_steps)

        fixed = ("rollout", num_users, num_steps, auto_reset)
        inputs = random.as_seed(seed), policy_state, state
        return self._kept.run(run, fixed, num_steps, self, (policy,), inputs)

    def fold(
        self,
        policy: Policy,
        num_users: int,
        num_steps: int,
        seed: Seed,
        function: Callable[[Nest, Transition], Nest],
        initial: Nest | Callable[[SimulatorState], Nest],
        auto_reset: bool = False,
        policy_state: Nest | None = None,
        state: SimulatorState | None = None,
    ) -> Nest:
        """Simulates users and folds each transition into a carry, so that memory does not grow with
        time.

        With the same seed it has the same users and draws as `rollout`. Without `auto_reset` it
        stops when all users have left.

        Args:
          function: (carry, transition [B, ...]) -> carry, of the same structure, shapes and dtypes.
          initial: the first carry, or a function that makes it of the state at the start.
          policy, num_users, num_steps, seed, auto_reset, policy_state, state: as for `rollout`.

        Returns:
          The last carry.

        Raises:
          ValueError: as `rollout`.
        """
        self._check_call(policy, num_users, num_steps)
        functions = [policy, function, *([initial] if callable(initial) else [])]

        def run(simulator, functions, inputs):
            policy, function, *first = functions
            seed, policy_state, state, initial = inputs
            loop = Loop(simulator, policy, num_users, seed, auto_reset, policy_state, state)
            initial = first[0] if first else initial
            return fold(loop, num_steps, function, initial, early_exit=not auto_reset)

        fixed = ("fold", num_users, num_steps, auto_reset)
        start = None if callable(initial) else initial
        inputs = random.as_seed(seed), policy_state, state, start
        return self._kept.run(run, fixed, num_steps, self, tuple(functions), inputs)

    def _check_call(self, policy: Policy, num_users: int, num_steps: int) -> None:
        self.check_num_users(num_users)
        check_policy(policy)
        validation.check_count(num_steps=num_steps)

    # Recorded sessions again.

    def replay(self, trajectory: Trajectory) -> SimulatorState:
        """Recomputes the states of a trajectory from its draws.

        Returns:
          The states [T, B, ...] in which the slates were shown.
        """
        return resimulation.replay(self, trajectory)

    def shown(self, state: SimulatorState, transition: Transition) -> Slate:
        """What users met at a recorded step.

        Args:
          state: of the users before the step.
          transition: [B, ...].
        """
        return steps.shown(self, state, transition)

    def retrace(
        self,
        trajectory: Trajectory,
        function: Callable[..., Nest],
        carry: Nest,
        score: bool,
        drawn: Sequence[str] = (),
        seed: Seed = 0,
    ) -> Nest:
        """Goes through a trajectory again, with its draws and turns.

        Args:
          trajectory: [T, B, ...].
          function: (carry, step, state, transition, log_probs) -> carry. State and transition are
            [B, ...]. Response, reward and discount are computed again, so they are differentiable.
            log_probs holds [B] by stage, and [W] for the stages of corpora.
          carry: the first carry.
          score: whether `log_probs` are wanted.
          drawn: stages that are drawn anew, and not scored, such as innovations that were not
            logged.
          seed: of what is drawn, an integer or int32 [2].

        Returns:
          The last carry.
        """
        num_steps = trajectory.transitions.reward.shape[0]
        seeds = tf.stack(random.split_seed(seed, num_steps)) if drawn else None

        def answers(draws, step):
            if seeds is None:
                return stages.Recorded(draws, score)
            return stages.PartlySampled(draws, seeds[step], drawn, score)

        return resimulation.retrace(self, trajectory, function, carry, answers=answers)

    def resimulate(
        self,
        trajectory: Trajectory,
        stages: Sequence[str],
        seed: Seed,
        function: Callable[..., Nest],
        carry: Nest,
    ) -> Nest:
        """Simulates sessions again under the turns of a trajectory: some stages are drawn anew,
        the others keep their draws.

        A user who leaves stays as they are. A user who stays longer than in the trajectory meets
        the turns of the trajectory's later steps.

        Args:
          trajectory: of single sessions, [T, B, ...].
          stages: the fields of `StepDraws` that are drawn, as "response".
          seed: an integer or int32 [2].
          function: (carry, step, state, transition) -> carry. State and transition are [B, ...].
          carry: the first carry.

        Returns:
          The last carry.

        Raises:
          ValueError: for an unknown stage.
        """
        return resimulation.resimulate(self, trajectory, stages, seed, function, carry)

    def log_prob(self, trajectory: Trajectory) -> LogProb:
        """Scores a single-session trajectory under the models, differentiably in their parameters.

        Only draws are scored. Slates and queries are given, and so is the state with which a
        rollout began; a departure by a rule is not scored. A step counts only where the user was
        active.

        Args:
          trajectory: of a rollout with `auto_reset=False`, [T, B, ...].

        Returns:
          The parts, each [B].

        Raises:
          ValueError: for an auto-reset trajectory, whose rows hold several sessions.
        """
        return self._scored("log_prob", scoring.log_prob, trajectory)

    def log_prob_by_field(self, trajectory: Trajectory) -> dict[str, tf.Tensor]:
        """The parts of `log_prob` by stage and field.

        The draws of a stage may be a joint distribution, such as a choice and a rating. Then each
        field has a score of its own: "response.choice" and "response.rating". A stage whose draw
        has no fields is one score, "response". Scores of what starts a session begin with
        "initial.", as "initial.user.segment". Those of steps are sums over the steps in which the
        user was active. All are differentiable in the parameters of the models.

        Args:
          trajectory: of a rollout with `auto_reset=False`, [T, B, ...].

        Returns:
          The scores by name, each [B]. Their sum is `log_prob(trajectory).total`.

        Raises:
          ValueError: for an auto-reset trajectory, whose rows hold several sessions, or for a field
            whose distribution has other batch axes than the users.
        """
        return self._scored("log_prob_by_field", scoring.log_prob_by_field, trajectory)

    def _scored(
        self, name: str, score: Callable[[Self, Trajectory], Nest], trajectory: Trajectory
    ) -> Nest:
        def run(simulator, functions, trajectory):
            return score(simulator, trajectory)

        num_steps = nests.batch_size(trajectory.transitions)
        return self._kept.run(run, (name,), num_steps, self, (), trajectory)

    @functools.cached_property
    def _kept(self) -> Kept:
        return Kept()

    def with_parameters(self, values: Mapping[str, Any]) -> Self:
        other = super().with_parameters(values)
        other._kept = self._kept
        return other
