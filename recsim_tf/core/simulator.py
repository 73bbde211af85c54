"""The simulator: B users at once meet slates of documents, step by step, in pure functions."""

from collections.abc import Callable

import gin
import tensorflow as tf

from recsim_tf.core import nests, random, stages, turns, validation
from recsim_tf.core.acting import act, check_policy
from recsim_tf.core.bounds import bounded_specs
from recsim_tf.core.draws import Ahead
from recsim_tf.core.execution import without_autograph
from recsim_tf.core.field_scores import FieldScores
from recsim_tf.core.sessions import SessionSource
from recsim_tf.core.stages import STEP_STAGES, Sampled, with_new_users
from recsim_tf.core.types import (
    InitialDraws,
    Nest,
    Observation,
    Policy,
    SimulatorState,
    Trajectory,
    Transition,
    initial_policy_state,
)


@gin.configurable
@without_autograph
class Simulator(FieldScores, SessionSource):
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
        user, as `recsim_tf.core.turns.query_spec` makes them. With one, an action is a `Turn` of
        slate and query; () means that the system only shows slates.

    Raises:
      ValueError: if slate_size, num_candidates, max_steps or users_per_world is out of range, if
        there are worlds though users share no corpus, or if query_spec holds something else than
        specs.
    """

    # Sessions begin.

    def reset(self, num_users: int, seed) -> SimulatorState:
        """Starts a session for each of `num_users` new users.

        Args:
          num_users: B, a Python int.
          seed: an integer or int32 [2].

        Raises:
          ValueError: if num_users is no integer of at least 1, or if the models' parameters are for
            another number of users.
        """
        self.check_num_users(num_users)
        return self.initial_state(self.begin(num_users, Sampled(seed, InitialDraws._fields)))

    def replace(self, state: SimulatorState, who: tf.Tensor, seed) -> SimulatorState:
        """Starts a session for a new user in the rows where `who` [B] is true. The corpus and
        persistent candidates stay, and so do all candidates of a world.
        """
        user_seed, candidate_seed = random.split_seed(seed, 2)
        num_users = nests.batch_size(state.done)
        newcomers = random.sample(self.users.initial_draws(num_users), user_seed)
        state = with_new_users(self.users, state, who, newcomers)
        if self.documents.shared or not self.resample_documents:
            return state
        distribution = stages.candidates_of(self, num_users, state.corpus, state.user)
        candidates = random.sample(distribution, candidate_seed)
        return state._replace(candidates=nests.where(who, candidates, state.candidates))

    def observe(self, state: SimulatorState) -> Observation:
        """What an agent may see of a state."""
        documents = self.documents.describe(state.candidates, state.corpus)
        return Observation(
            self.users.observe(state.user),
            self.corpora.of_users(self.documents.observe(documents), nests.batch_size(state.done)),
            self.users.observe_response(state.response),
        )

    def observation_spec(self) -> Observation:
        """Named, bounded specs of what an agent sees of one user, without the axis of users.

        Shapes and dtypes are those of `observe`, which is traced and not run. The ranges are those
        that the models declare.
        """
        num_users = self.fewest_users
        trace = tf.function(lambda: self.observe(self.reset(num_users, seed=0)), autograph=False)
        of_users = trace.get_concrete_function().structured_outputs
        specs = tf.nest.map_structure(
            lambda spec: tf.TensorSpec(spec.shape[1:], spec.dtype), of_users
        )
        return Observation(
            bounded_specs("user", specs.user, self.users.observation_bounds()),
            bounded_specs("documents", specs.documents, self.documents.observation_bounds()),
            bounded_specs("response", specs.response, self.users.response_bounds()),
        )

    # Sessions go on.

    def step(self, state: SimulatorState, action: Nest, seed) -> tuple[SimulatorState, Transition]:
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
        next_state, transition, _ = self.advance(state, action, Sampled(seed, STEP_STAGES))
        return self.corpora.keep_ended(state, next_state), transition

    def rollout(
        self,
        policy: Policy,
        num_users: int,
        num_steps: int,
        seed,
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
        self.check_num_users(num_users)
        validation.check_count(num_steps=num_steps)
        check_policy(policy)
        initial_seed, loop_seed = random.split_seed(seed, 2)
        first: InitialDraws | SimulatorState
        if state is None:
            first = self.begin(num_users, Sampled(initial_seed, InitialDraws._fields))
        else:
            _check_state(state, num_users)
            first = state
        begun = self._policy_states(policy, num_users, policy_state, state)

        def arrays(record):
            return nests.arrays_like(record, num_steps)

        def write(arrays, record, step):
            return nests.write(arrays, step, record)

        written = self._loop(
            policy,
            self.initial_state(first),
            num_steps,
            loop_seed,
            auto_reset,
            begun,
            write,
            arrays,
            False,
        )
        transitions, newcomers = nests.stack(written)
        return Trajectory(first, transitions, newcomers)

    def fold(
        self,
        policy: Policy,
        num_users: int,
        num_steps: int,
        seed,
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
        validation.check_count(num_steps=num_steps)
        check_policy(policy)
        initial_seed, loop_seed = random.split_seed(seed, 2)
        begun = self._policy_states(policy, num_users, policy_state, state)
        if state is None:
            first = self.reset(num_users, initial_seed)
        else:
            _check_state(state, num_users)
            first = state

        def update(carry, record, step):
            return function(carry, record[0])

        return self._loop(
            policy,
            first,
            num_steps,
            loop_seed,
            auto_reset,
            begun,
            update,
            lambda record: initial(first) if callable(initial) else initial,
            not auto_reset,
        )

    @staticmethod
    def _policy_states(
        policy: Policy, num_users: int, policy_state: Nest | None, state: SimulatorState | None
    ) -> tuple[Nest, Nest]:
        """The policy state at present, and that at the start of a session."""
        if policy_state is None or state is not None:
            at_start = initial_policy_state(policy, num_users)
            return at_start if policy_state is None else policy_state, at_start
        return policy_state, policy_state

    def _loop(
        self, policy, state, num_steps, seed, auto_reset, policy_states, update, begin, early_exit
    ):
        """Steps `state` up to `num_steps` times; `update(carry, (transition, newcomers), step) ->
        carry`. `begin` makes the first carry of a record that has only its format.
        """
        policy_state, first_policy_state = policy_states
        num_users = nests.batch_size(state.done)
        action = turns.some_turn(self, num_users).action
        ahead = Ahead(lambda answers: self.advance(state, action, answers, auto_reset), num_users)
        seed, noise_seed = random.split_seed(seed, 2)

        def somebody_is_left(step, state, policy_state, seed, noise, carry):
            return ~tf.reduce_all(state.done) if early_exit else tf.constant(True)

        def body(step, state, policy_state, seed, noise, carry):
            seed, policy_seed, noise_seed = random.split_seed(seed, 3)
            action, policy_state = act(policy, self.observe(state), policy_state, policy_seed)
            answers = ahead.step(noise, noise_seed)
            next_state, transition, newcomers = self.advance(state, action, answers, auto_reset)
            if auto_reset:
                policy_state = nests.where(
                    transition.terminated | transition.truncated, first_policy_state, policy_state
                )
            else:
                next_state = self.corpora.keep_ended(state, next_state)
            return (
                step + 1,
                next_state,
                policy_state,
                seed,
                answers.carry(),
                update(carry, (transition, newcomers), step),
            )

        carry = begin(ahead.record)
        loop_vars = (0, state, policy_state, seed, ahead.begin(noise_seed), carry)
        # By default the random draws of ten steps run ahead of the users: three times the memory,
        # and slower for it.
        return tf.while_loop(
            somebody_is_left, body, loop_vars, parallel_iterations=1, maximum_iterations=num_steps
        )[-1]


def _check_state(state: SimulatorState, num_users: int) -> None:
    """Requires the state of `num_users` users.

    Raises:
      ValueError: for something else.
    """
    if not isinstance(state, SimulatorState):
        raise ValueError(f"state must be a SimulatorState or None, got {type(state).__name__}")
    if not state.done.shape.is_compatible_with([num_users]):
        raise ValueError(f"state must be of num_users={num_users}, got {state.done.shape[0]}")
