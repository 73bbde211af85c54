# SPDX-License-Identifier: Apache-2.0
"""The simulator: B users at once meet slates of documents, step by step, in pure functions."""

import functools
import inspect
import os
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypedDict

import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import Count, checked, configurable
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
from recsim_tf.core.runs import calls, population, programs, resimulation, scoring
from recsim_tf.core.runs.execution import without_autograph
from recsim_tf.core.runs.kept import Kept
from recsim_tf.core.runs.rollout import Call
from recsim_tf.core.step import stages, steps, turns
from recsim_tf.core.step.acting import check_policy
from recsim_tf.core.step.session_source import SessionSource


@configurable(module="recsim_tf")
def click_reward(response: Nest) -> tf.Tensor:
    """The number of clicks, [B], which is RecSim's `total_clicks_reward`."""
    return tf.reduce_sum(response.clicked, axis=-1)


class SimulatorOptions(TypedDict, total=False):
    """The arguments of `Simulator` beside the models, which factories of environments hand on."""

    slate_size: int
    num_candidates: int
    reward_fn: Callable[..., tf.Tensor]
    resample_documents: bool
    max_steps: int | None
    allow_duplicates: bool
    validate: bool
    num_users: int | None
    query_spec: Nest
    users_per_world: int | None


@configurable
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
        clicks. A function of two arguments also gets the user state before it, a nest of [B, ...].
      resample_documents: whether each step brings new candidates. If not, a row keeps its
        candidates and their hidden attributes for ever, also when another user takes the row, as in
        RecSim.
      max_steps: the time limit of a session in steps, or None. A session that ends by it is
        truncated, not terminated.
      allow_duplicates: whether a slate may show a candidate twice, as RecSim allows. It matters
        only where slates are checked.
      validate: whether to check the values of slates.
      num_users: B if a parameter of the models is a tensor [B], so that the simulator is for B
        users only; None for any number.
      users_per_world: U, the number of users who share a corpus, where documents are shared; None
        if all users are one world.
      query_spec: a nest of specs of the query to one user beside a slate, such as
        `recsim_tf.core.step.turns.query_spec` makes. An action is then a `Turn` of slate and query;
        () means that the system only shows slates.

    Attributes:
      fitted_to: the fingerprint of the sessions that parameters were fitted to, see
        `recsim_tf.logs.fingerprint`; () for none.

    Raises:
      ValueError: if slate_size, num_candidates, max_steps or users_per_world is out of range, if
        there are worlds though users share no corpus, or if query_spec holds other than specs.
    """

    users: UserModel
    documents: DocumentModel
    slate_size: Count = 3
    num_candidates: Count = 10
    reward_fn: Callable[..., tf.Tensor] = click_reward
    resample_documents: bool = True
    max_steps: Count | None = None
    allow_duplicates: bool = False
    validate: bool = False
    num_users: Count | None = None
    query_spec: Nest = ()
    users_per_world: Count | None = None
    # No field, because nothing that is simulated depends on it.
    fitted_to = typing.cast(Any, ())

    def check(self) -> None:
        validation.check_slate_size(self.slate_size, self.num_candidates)
        population.check_worlds(self.documents, self.users_per_world)
        if self.num_users is not None:
            self.check_num_users(self.num_users)
        turns.check_query_spec(self.query_spec)
        self.users.check_documents(self.documents, self.slate_size)

    # Users and their corpora.

    @property
    def corpora(self) -> OwnCorpora:
        """The corpora of the documents, one for each user or for each world of users."""
        return SharedCorpora(self.users_per_world) if self.documents.shared else OwnCorpora()

    @property
    def fewest_users(self) -> int:
        """The smallest number of users that can be simulated."""
        return self.num_users or self.users_per_world or 1

    def check_num_users(self, num_users: int) -> None:
        """Requires a number of users for which all parameters have values. Raises a ValueError if
        it is no integer of at least 1, or if the models' parameters are for another number of
        users.
        """
        population.check_num_users(self, num_users)

    def by_session(self, reader: str) -> Self:
        """The same simulator for sessions that are read one by one. Where users share a corpus,
        each user becomes a world.

        Args:
          reader: the name of the reader of the sessions, for errors.

        Raises:
          ValueError: if documents depend on the state of a corpus that users share, because a
            single session does not determine that state.
        """
        if not self.documents.shared:
            return self
        population.check_one_by_one(reader, self.documents)
        return self.replaced(users_per_world=1)

    # The start of sessions.

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
        """The draws that start sessions, as `answers` gives them."""
        return stages.begin(self, num_users, answers)

    def initial_state(self, draws: InitialDraws | SimulatorState) -> SimulatorState:
        """Maps initial draws, nests of [B, ...], to the first state. A state stays as it is."""
        return steps.initial_state(self, draws)

    def observe(self, state: SimulatorState) -> Observation:
        """The observation of a state, which agents see."""
        return steps.observe(self, state)

    def observation_spec(self) -> Observation:
        """Named, bounded specs of the observation of one user, without the axis of users.

        The shapes and dtypes come from `observe`, which is traced and not run. The ranges come from
        the declarations of the models.
        """
        num_users = self.fewest_users
        trace = tf.function(lambda: self.observe(self.reset(num_users, seed=0)), autograph=False)
        return steps.observation_spec(self, trace.get_concrete_function().structured_outputs)

    # The steps of sessions.

    def step(
        self, state: SimulatorState, action: Nest, seed: Seed
    ) -> tuple[SimulatorState, Transition]:
        """Shows each user a slate, or a turn; users whose session has ended stay as they are.

        The order is RecSim's: response of the user in the present state, user update, corpus
        update, departure by the updated state, new candidates.

        Args:
          state: the state of B users.
          action: a slate, int32 or int64 [B, k], k <= slate_size, positions among the candidates;
            -1 is an empty position. With a `query_spec` it is a `Turn` of slate and query.
          seed: an integer or int32 [2].

        Returns:
          The next state and the transition.

        Raises:
          ValueError: if the action has another dtype or shape, or is a slate where a `Turn` is
            needed. With `validate` also for values that are not allowed. In graph mode, such values
            raise a `tf.errors.InvalidArgumentError` when the graph runs, and XLA drops that check.
        """
        next_state, transition, _ = self.advance(
            state, action, stages.Sampled(seed, stages.STEP_STAGES)
        )
        return self.corpora.keep_ended(state, next_state), transition

    def advance(
        self, state: SimulatorState, action: Nest, answers: stages.Stages, auto_reset: bool = False
    ) -> tuple[SimulatorState, Transition, Nest]:
        """Checks the action and takes a step with draws from `answers`; see `stages.advance`."""
        return steps.advance(self, state, action, answers, auto_reset)

    def reward(self, response: Nest, user: Nest) -> tf.Tensor:
        """The reward, [B], of a response in a user state, both nests of [B, ...]."""
        return (
            self.reward_fn(response, user) if self._reward_reads_user else self.reward_fn(response)
        )

    @functools.cached_property
    def _reward_reads_user(self) -> bool:
        """True for a reward of response and user state: two of its arguments have no default."""
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
          policy_state: the policy state at the start of a session, a nest of [B, ...]; None for the
            initial state of the policy. With `state` it is the present policy state.
          state: the state of B users at first, from `reset`, `step` or `replay`; None for new ones.

        An eager rollout on a CPU of ten million user steps or more, with a policy that is
        `Traceable`, simulates its users with XLA in parts on all cores. Its users are then not
        those of the same seed inside a `tf.function` or in `fold`.

        Returns:
          A trajectory [T, B, ...]. Its `initial` is `state`, where that is given.

        Raises:
          ValueError: if num_users or num_steps is no integer of at least 1, if the models'
            parameters are for another number of users, or if the policy is no function that returns
            an action and a policy state.
        """
        self._check_call(policy, num_users, num_steps)
        seed = random.as_seed(seed)
        call = Call(policy, num_users, num_steps, seed, auto_reset, policy_state, state)
        return calls.rollout(self._kept, self, call)

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
        """Simulates users and folds each transition into a carry, in memory that does not grow.

        Users and draws are those of `rollout` with the same seed, unless it simulates them in
        parts. Without `auto_reset` it stops when all users have left.

        Args:
          function: (carry, transition [B, ...]) -> carry, of the same structure, shapes and dtypes.
          initial: the first carry, or a function that makes it from the state at the start.
          policy, num_users, num_steps, seed, auto_reset, policy_state, state: the arguments of
            `rollout`.

        Returns:
          The last carry.

        Raises:
          ValueError: for the same reasons as `rollout`.
        """
        self._check_call(policy, num_users, num_steps)
        seed = random.as_seed(seed)
        call = Call(policy, num_users, num_steps, seed, auto_reset, policy_state, state)
        return calls.fold(self._kept, self, call, function, initial)

    def export(
        self,
        folder: str | os.PathLike,
        policy: Policy,
        num_users: int,
        num_steps: int,
        target: str = "gpu",
    ) -> Path:
        """Writes programs of the simulator that run without TensorFlow, as in JAX, into a folder.

        `rollout.mlir` and `log_prob.mlir` are StableHLO for one device, with ThreeFry.
        `programs.json` names their arguments and results in order, with shapes and dtypes.
        `rollout` takes a `seed`, int32 [2], and the parameters, and returns the leaves of a
        trajectory of single sessions, such as "transitions.reward" [T, B]. `log_prob` takes the
        parameters and such leaves. It returns the fields of a `LogProb`, [B], and as
        "gradient.users.taste_scale" the gradient of their sum in each parameter that is a float.
        `values.npz` has the parameters, and the tensors that models and policy read.

        Args:
          folder: does not exist, or is empty.
          policy: the policy of the rollout, which must compute with TensorFlow.
          num_users, num_steps: B and T, Python ints.
          target: "gpu" or "tpu", on which the programs are fastest. They run on both.

        Returns:
          The folder.

        Raises:
          FileExistsError: if the folder has something in it; nothing is written then.
          ValueError: as `rollout`, or if XLA cannot compile the models or the policy with static
            shapes, or if these change variables.
        """
        self._check_call(policy, num_users, num_steps)
        return programs.export(self, folder, policy, num_users, num_steps, target)

    def export_environment(
        self, folder: str | os.PathLike, num_users: int, target: str = "gpu"
    ) -> Path:
        """Writes the reset and the step of the simulator, for trainers without TensorFlow.

        `environment.py` reads the folder in JAX: `Environment(folder)` has `reset` and `step` for
        B users, which work inside `jax.jit`, `jax.lax.scan` and `jax.vmap`. A user whose session
        ended leaves the row to a new user. `programs.json` names the arguments and results of
        `reset.stablehlo` and `step.stablehlo` in order, with shapes and dtypes, the spaces of
        observations and actions, and the digests of the programs. The state is a list of arrays
        with names. The parameters of the models are arguments, and `values.npz` has their values.
        Both functions have gradients where the models have. The same seeds give the sessions that
        TensorFlow's XLA gives. `in_gymnax.py` has the environment of one user for trainers such as
        rejax, and `in_gymnasium.py` a vector environment of Gymnasium.
        `recsim_tf.policies.exported_policy` reads a policy that was learned there.

        Args:
          folder: does not exist, or is empty.
          num_users: B, a Python int.
          target: "gpu" or "tpu", on which the programs are fastest. They run on both, and on CPUs.

        Returns:
          The folder.

        Raises:
          FileExistsError: if the folder has something in it; nothing is written then.
          ValueError: if B is not of whole worlds, if XLA cannot compile the models, or if this
            TensorFlow is older than 2.19.
        """
        self.check_num_users(num_users)
        return programs.export_environment(self, folder, num_users, target)

    @checked
    def _check_call(self, policy: Policy, num_users: int, num_steps: Count) -> None:
        self.check_num_users(num_users)
        check_policy(policy)

    # Recorded sessions.

    def replay(self, trajectory: Trajectory) -> SimulatorState:
        """Recomputes the states [T, B, ...] in which the slates of a trajectory were shown, from
        its draws. Raises a ValueError if `trajectory` is not a Trajectory.
        """
        return resimulation.replay(self, trajectory)

    def shown(self, state: SimulatorState, transition: Transition) -> Slate:
        """The slate that users met at a recorded step [B, ...], in their state before the step."""
        return steps.shown(self, state, transition)

    def retrace(
        self,
        trajectory: Trajectory,
        function: Callable[..., Nest],
        carry: Nest,
        score: bool,
        drawn: Sequence[str] = (),
        seed: Seed = 0,
        select: Callable[[Nest, SimulatorState], tuple[Nest, SimulatorState]] | None = None,
    ) -> Nest:
        """Goes through a trajectory again, with its draws and turns.

        Args:
          trajectory: [T, B, ...].
          function: (carry, step, state, transition, log_probs) -> carry. State and transition are
            [B, ...]. Response, reward and discount are computed again, so they are differentiable.
            log_probs holds [B] by stage, and [W] for the stages of corpora.
          carry: the first carry.
          score: whether to compute `log_probs`.
          drawn: stages that are drawn anew and not scored, such as innovations without a log.
          seed: the seed of these draws, an integer or int32 [2].
          select: (carry, next state) -> (carry, next state) after each step, such as the resampling
            of a particle filter; None keeps both.

        Returns:
          The last carry.

        Raises:
          ValueError: if `trajectory` is not a Trajectory.
        """
        answers = resimulation.answers_of(trajectory, score, drawn, seed)
        return resimulation.retrace(
            self, trajectory, function, carry, answers=answers, select=select
        )

    def resimulate(
        self,
        trajectory: Trajectory,
        stages: Sequence[str],
        seed: Seed,
        function: Callable[..., Nest],
        carry: Nest,
    ) -> Nest:
        """Simulates sessions again under the turns of a trajectory. Some stages are drawn anew, and
        the others keep their draws.

        The state of a user who leaves does not change any more. A user who stays longer than in the
        trajectory meets the turns of its later steps.

        Args:
          trajectory: a trajectory of single sessions, [T, B, ...].
          stages: the fields of `StepDraws` that are drawn, such as "response".
          seed: an integer or int32 [2].
          function: (carry, step, state, transition) -> carry. State and transition are [B, ...].
          carry: the first carry.

        Returns:
          The last carry.

        Raises:
          ValueError: if `trajectory` is not a Trajectory, or for an unknown stage.
        """
        return resimulation.resimulate(self, trajectory, stages, seed, function, carry)

    def log_prob(self, trajectory: Trajectory) -> LogProb:
        """Scores a single-session trajectory under the models, differentiably in their parameters.

        Only draws are scored. Slates, queries and the state with which a rollout began are given,
        and a departure by a rule is not scored. A step counts only where the user was active.

        Args:
          trajectory: a trajectory of a rollout with `auto_reset=False`, [T, B, ...].

        Returns:
          The parts, each [B].

        Raises:
          ValueError: if `trajectory` is not a Trajectory, or for an auto-reset trajectory, whose
            rows hold several sessions.
        """
        return calls.scores(self._kept, self, "log_prob", scoring.log_prob, trajectory)

    def log_prob_by_field(self, trajectory: Trajectory) -> dict[str, tf.Tensor]:
        """The parts of `log_prob` by stage and field.

        A stage may draw from a joint distribution, such as a choice and a rating. Then each field
        has a score: "response.choice" and "response.rating". A stage whose draw has no fields has
        one score, "response". The names of scores of initial draws begin with "initial.", such as
        "initial.user.segment". The scores of steps are sums over the steps in which the user was
        active. All scores are differentiable in the parameters of the models.

        Args:
          trajectory: a trajectory of a rollout with `auto_reset=False`, [T, B, ...].

        Returns:
          The scores by name, each [B]. Their sum is `log_prob(trajectory).total`.

        Raises:
          ValueError: for the same reasons as `log_prob`, or for a field whose distribution has
            batch axes that are not the axis of users.
        """
        return calls.scores(
            self._kept, self, "log_prob_by_field", scoring.log_prob_by_field, trajectory
        )

    @functools.cached_property
    def _kept(self) -> Kept:
        return Kept()

    def with_parameters(self, values: Mapping[str, Any]) -> Self:
        simulator = super().with_parameters(values)
        simulator._kept = self._kept
        return simulator

    def replaced(self, **fields: Any) -> Self:
        simulator = super().replaced(**fields)
        simulator.fitted_to = self.fitted_to
        return simulator
