"""The simulator: user model, document model and slates, stepped for B users at once as pure
functions.
"""

from collections.abc import Callable, Sequence

import gin
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests, random, validation
from recsim_tf.core.draws import Ahead, Draw, Recorded, Sampled
from recsim_tf.core.models import DocumentModel, UserModel
from recsim_tf.core.types import (
    InitialDraws,
    LogProb,
    Nest,
    Observation,
    SimulatorState,
    Slate,
    StepDraws,
    Trajectory,
    Transition,
)

# (observation, policy_state, seed) -> (slate int32 [B, K], policy_state)
Policy = Callable[[Observation, Nest, tf.Tensor], tuple[tf.Tensor, Nest]]
# A step also draws the initial draws of the users who take the place of those who left.
_STEP_STAGES = (*StepDraws._fields, "newcomers")


@gin.configurable(module="recsim_tf")
def click_reward(response: Nest) -> tf.Tensor:
    """[B]: number of clicks, RecSim's `total_clicks_reward`."""
    return tf.reduce_sum(response.clicked, axis=-1)


@gin.configurable
class Simulator(tf.Module):
    """Simulates users who meet slates of documents.

    All methods are pure: state in, state out, seed in. They run eagerly, inside a `tf.function` and
    under XLA. Slates are checked for dtype and shape always, for their values only with
    `validate=True`, because XLA drops assertions.

    Args:
      users: the user model.
      documents: the document model.
      slate_size: K, the positions of a slate. A slate may be shorter, padded with -1.
      num_candidates: N, the documents that the agent chooses from at each step.
      reward_fn: maps a response (nest of [B, K, ...]) to the reward [B]; by default the number of
        clicks.
      resample_documents: whether each step brings new candidates. If not, a user's row keeps its
        candidates and their hidden attributes for ever, also when another user takes the row (as
        RecSim does).
      max_steps: the time limit of a session in steps, or None. A session that ends by it is
        truncated, not terminated.
      allow_duplicates: whether a slate may show a candidate twice (RecSim's rule); only looked at
        where slates are checked.
      validate: whether to check the values of slates.
      num_users: B where a parameter of the models is a tensor [B], so that the simulator is for B
        users only; None for any number.

    Raises:
      ValueError: if slate_size, num_candidates or max_steps is out of range.
    """

    def __init__(
        self,
        users: UserModel,
        documents: DocumentModel,
        slate_size: int,
        num_candidates: int,
        reward_fn: Callable[[Nest], tf.Tensor] = click_reward,
        resample_documents: bool = True,
        max_steps: int | None = None,
        allow_duplicates: bool = False,
        validate: bool = False,
        num_users: int | None = None,
        name: str | None = None,
    ):
        super().__init__(name=name)
        if num_candidates < 1:
            raise ValueError(f"num_candidates must be at least 1, got {num_candidates}")
        if not 1 <= slate_size <= num_candidates:
            raise ValueError(
                f"slate_size must be in [1, num_candidates={num_candidates}], got {slate_size}"
            )
        if max_steps is not None and max_steps < 1:
            raise ValueError(f"max_steps must be at least 1 or None, got {max_steps}")
        self.users = users
        self.documents = documents
        self.slate_size = slate_size
        self.num_candidates = num_candidates
        self.reward_fn = reward_fn
        self.resample_documents = resample_documents
        self.max_steps = max_steps
        self.allow_duplicates = allow_duplicates
        self.validate = validate
        self.num_users = num_users

    # Sessions begin.

    def reset(self, num_users: int, seed) -> SimulatorState:
        """Starts a session for each of `num_users` new users.

        Args:
          num_users: B, a Python int.
          seed: an integer or int32 [2].

        Raises:
          ValueError: if the models' parameters are for another number of users.
        """
        if self.num_users not in (None, num_users):
            raise ValueError(
                f"num_users must be {self.num_users}, for which the models have parameters, got"
                f" {num_users}"
            )
        return self.initial_state(self.begin(num_users, Sampled(seed, InitialDraws._fields)))

    def begin(self, num_users: int, draw: Draw) -> InitialDraws:
        """The draws that start sessions, taken from `draw`."""
        user_draws = draw("user", self.users.initial_draws(num_users))
        corpus_distribution = self.documents.initial_draws(num_users)
        corpus_draws = () if corpus_distribution is None else draw("corpus", corpus_distribution)
        corpus = self.documents.initial_state(corpus_draws)
        user = self.users.initial_state(user_draws)
        candidates = draw("candidates", self._candidate_distribution(num_users, corpus, user))
        hidden = ()
        if not self.resample_documents:
            distribution = self.documents.reveal(self.documents.describe(candidates, corpus))
            hidden = () if distribution is None else draw("hidden", distribution)
        return InitialDraws(user_draws, corpus_draws, candidates, hidden)

    def initial_state(self, draws: InitialDraws) -> SimulatorState:
        """Maps initial draws, nests of [B, ...], to the state at the start of a session."""
        user = self.users.initial_state(draws.user)
        num_users = nests.batch_size(user)
        corpus = self.documents.initial_state(draws.corpus)
        return SimulatorState(
            user=user,
            corpus=corpus,
            candidates=draws.candidates,
            hidden=draws.hidden,
            response=self._blank_response(user, corpus, draws.candidates),
            num_steps=tf.zeros([num_users], tf.int32),
            done=tf.zeros([num_users], tf.bool),
        )

    def replace(self, state: SimulatorState, who: tf.Tensor, seed) -> SimulatorState:
        """Starts a session for a new user in the rows where `who` [B]; the corpus, and persistent
        candidates, stay.
        """
        user_seed, candidate_seed = random.split_seed(seed, 2)
        num_users = nests.batch_size(state.done)
        newcomers = random.sample(self.users.initial_draws(num_users), user_seed)
        state = self._seat_newcomers(state, who, newcomers)
        if not self.resample_documents:
            return state
        candidates = random.sample(
            self._candidate_distribution(num_users, state.corpus, state.user), candidate_seed
        )
        return state._replace(candidates=nests.where(who, candidates, state.candidates))

    def observe(self, state: SimulatorState) -> Observation:
        """What an agent may see of a state."""
        documents = self.documents.describe(state.candidates, state.corpus)
        response = self.users.observe_response(state.response)
        return Observation(
            self.users.observe(state.user), self.documents.observe(documents), response
        )

    # Sessions go on.

    def step(
        self, state: SimulatorState, slate: tf.Tensor, seed
    ) -> tuple[SimulatorState, Transition]:
        """Shows each user a slate; users whose session has ended stay as they are.

        The order is RecSim's: response of the user as they are, user update, corpus update,
        departure judged on the updated user, new candidates.

        Args:
          state: of B users.
          slate: int32 or int64 [B, k], k <= slate_size, positions among the candidates; -1 is an
            empty position.
          seed: an integer or int32 [2].

        Returns:
          The next state and the transition.
        """
        next_state, transition, _ = self._advance(state, slate, Sampled(seed, _STEP_STAGES))
        return nests.where(state.done, state, next_state), transition

    def rollout(
        self,
        policy: Policy,
        num_users: int,
        num_steps: int,
        seed,
        auto_reset: bool = False,
        policy_state: Nest = (),
    ) -> Trajectory:
        """Simulates users for a number of steps and keeps every draw.

        Args:
          policy: (observation, policy_state, seed) -> (slate, policy_state).
          num_users: B, a Python int.
          num_steps: T, a Python int.
          seed: an integer or int32 [2].
          auto_reset: False gives one session a row: who has left is frozen and inactive. True seats
            a new user in the same step; the candidates of that step are then the newcomer's, and
            the row of `policy_state` is reset.
          policy_state: the policy's initial state, a nest of [B, ...].

        Returns:
          A trajectory [T, B, ...].
        """
        initial_seed, loop_seed = random.split_seed(seed, 2)
        initial = self.begin(num_users, Sampled(initial_seed, InitialDraws._fields))
        state = self.initial_state(initial)
        # This step gives the loop its shapes; nothing uses its values, so that it is pruned from
        # the graph.
        slate, _ = policy(self.observe(state), policy_state, loop_seed)
        _, transition, newcomers = self._advance(
            state, slate, Sampled(loop_seed, _STEP_STAGES), auto_reset
        )
        arrays = tf.nest.map_structure(
            lambda leaf: tf.TensorArray(leaf.dtype, num_steps, element_shape=leaf.shape),
            (transition, newcomers),
        )

        def write(carry, record, step):
            return tf.nest.map_structure(lambda array, leaf: array.write(step, leaf), carry, record)

        arrays = self._loop(
            policy,
            state,
            num_steps,
            loop_seed,
            auto_reset,
            policy_state,
            write,
            arrays,
            early_exit=False,
        )
        transitions, newcomers = tf.nest.map_structure(lambda array: array.stack(), arrays)
        return Trajectory(initial, transitions, newcomers)

    def fold(
        self,
        policy: Policy,
        num_users: int,
        num_steps: int,
        seed,
        function: Callable[[Nest, Transition], Nest],
        initial: Nest,
        auto_reset: bool = False,
        policy_state: Nest = (),
    ) -> Nest:
        """Simulates users and folds the transitions into a carry as they come, so that memory does
        not grow with time.

        Given the same seed it meets the same users and draws as `rollout`. Without `auto_reset` it
        stops when all users have left.

        Args:
          function: (carry, transition [B, ...]) -> carry, of the same structure, shapes and dtypes.
          initial: the first carry.
          policy, num_users, num_steps, seed, auto_reset, policy_state: as for `rollout`.

        Returns:
          The last carry.
        """
        initial_seed, loop_seed = random.split_seed(seed, 2)
        state = self.reset(num_users, initial_seed)

        def update(carry, record, step):
            del step
            return function(carry, record[0])

        return self._loop(
            policy,
            state,
            num_steps,
            loop_seed,
            auto_reset,
            policy_state,
            update,
            initial,
            not auto_reset,
        )

    # Sessions are looked back on.

    def replay(self, trajectory: Trajectory) -> SimulatorState:
        """Recomputes the states of a trajectory from its draws.

        Returns:
          The states [T, B, ...] in which the slates were shown.
        """

        def record(arrays, step, state, transition, log_probs):
            del transition, log_probs
            return tf.nest.map_structure(lambda array, leaf: array.write(step, leaf), arrays, state)

        num_steps = trajectory.transitions.reward.shape[0]
        state = self.initial_state(trajectory.initial)
        arrays = tf.nest.map_structure(
            lambda leaf: tf.TensorArray(leaf.dtype, num_steps, element_shape=leaf.shape), state
        )
        arrays = self.retrace(trajectory, record, arrays, score=False)
        return tf.nest.map_structure(lambda array: array.stack(), arrays)

    def retrace(
        self, trajectory: Trajectory, function, carry: Nest, score: bool, early_exit: bool = False
    ) -> Nest:
        """Goes through a trajectory again, with its draws and slates.

        Args:
          trajectory: [T, B, ...].
          function: (carry, step, state, transition, log_probs) -> carry. State and transition are
            [B, ...], the response and the reward computed again, so that they are differentiable;
            log_probs has [B] by stage.
          carry: the first carry.
          score: whether `log_probs` are wanted.
          early_exit: whether to stop where all sessions have ended.

        Returns:
          The last carry.
        """
        num_steps = trajectory.transitions.reward.shape[0]
        end = num_steps
        if early_exit:
            end = tf.math.count_nonzero(
                tf.reduce_any(trajectory.transitions.active, axis=1), dtype=tf.int32
            )
        auto_reset = bool(tf.nest.flatten(trajectory.newcomers))

        def body(step, state, carry):
            transition, newcomers = nests.at_step(
                (trajectory.transitions, trajectory.newcomers), step
            )
            recorded = Recorded({**transition.draws._asdict(), "newcomers": newcomers}, score)
            next_state, again, _ = self._advance(state, transition.slate, recorded, auto_reset)
            transition = transition._replace(response=again.response, reward=again.reward)
            carry = function(carry, step, state, transition, recorded.log_probs)
            return (
                step + 1,
                next_state if auto_reset else nests.where(state.done, state, next_state),
                carry,
            )

        loop_vars = (0, self.initial_state(trajectory.initial), carry)
        return tf.while_loop(
            lambda step, *_: step < end, body, loop_vars, maximum_iterations=num_steps
        )[-1]

    def resimulate(
        self, trajectory: Trajectory, stages: Sequence[str], seed, function, carry: Nest
    ) -> Nest:
        """Simulates sessions again under the slates of a trajectory: some stages are drawn anew,
        the others keep their draws.

        A user who leaves stays as they are, and who stays for longer than the trajectory tells is
        shown the slates that stand there.

        Args:
          trajectory: of single sessions, [T, B, ...].
          stages: the fields of `StepDraws` that are drawn, as "response".
          seed: an integer or int32 [2].
          function: (carry, step, transition [B, ...]) -> carry.
          carry: the first carry.

        Returns:
          The last carry.
        """
        stages = tuple(stages)
        num_steps = trajectory.transitions.reward.shape[0]

        def body(step, state, seed, carry):
            seed, step_seed = random.split_seed(seed, 2)
            transition = nests.at_step(trajectory.transitions, step)
            recorded, sampled = (
                Recorded(transition.draws._asdict(), score=False),
                Sampled(step_seed, stages),
            )

            def draw(stage, distribution):
                return (
                    sampled(stage, distribution)
                    if stage in stages
                    else recorded(stage, distribution)
                )

            next_state, again, _ = self._advance(state, transition.slate, draw)
            return (
                step + 1,
                nests.where(state.done, state, next_state),
                seed,
                function(carry, step, again),
            )

        loop_vars = (0, self.initial_state(trajectory.initial), random.as_seed(seed), carry)
        return tf.while_loop(
            lambda *_: tf.constant(True), body, loop_vars, maximum_iterations=num_steps
        )[-1]

    def log_prob(self, trajectory: Trajectory) -> LogProb:
        """Scores a single-session trajectory under the models, differentiably in their parameters.

        Only draws are scored: slates are given, a departure by a rule is not scored, and a step
        counts only where the user was active.

        Args:
          trajectory: of a rollout with `auto_reset=False`, [T, B, ...].

        Returns:
          The parts, each [B].

        Raises:
          ValueError: for an auto-reset trajectory, whose rows hold several sessions.
        """
        if tf.nest.flatten(trajectory.newcomers):
            raise ValueError(
                "trajectory must hold one session a row (auto_reset=False), got an auto-reset"
                " trajectory"
            )
        begun = Recorded(trajectory.initial._asdict(), score=True)
        self.begin(trajectory.transitions.reward.shape[1], begun)
        initial = begun.log_probs.pop("user")
        documents = tf.add_n(
            [tf.cast(log_prob, initial.dtype) for log_prob in begun.log_probs.values()]
        )
        zeros = tf.zeros_like(initial)

        def add(total, step, state, transition, log_probs):
            del step, state

            def part(*stages):
                terms = [
                    tf.cast(log_probs[stage], initial.dtype)
                    for stage in stages
                    if stage in log_probs
                ]
                return tf.where(transition.active, tf.add_n(terms), zeros) if terms else zeros

            return LogProb(
                initial=total.initial,
                response=total.response + part("response"),
                innovation=total.innovation + part("innovation"),
                departure=total.departure + part("departure"),
                documents=total.documents + part("hidden", "candidates"),
            )

        return self.retrace(
            trajectory,
            add,
            LogProb(initial, zeros, zeros, zeros, documents),
            score=True,
            early_exit=True,
        )

    # Parts of the above.

    def _candidate_distribution(self, num_users, corpus, user):
        return self.documents.candidates(num_users, self.num_candidates, corpus, user)

    def _blank_response(self, user, corpus, candidates) -> Nest:
        """A response of zeros. The stages are traced for their structure only and pruned from the
        graph.
        """
        seed = random.as_seed(0)
        num_users = nests.batch_size(user)
        positions = tf.zeros([num_users, self.slate_size], tf.int32)
        documents = self.documents.describe(nests.take(candidates, positions), corpus)
        distribution = self.documents.reveal(documents)
        hidden = () if distribution is None else random.sample(distribution, seed)
        slate = Slate(
            self.documents.show(documents, hidden), tf.ones([num_users, self.slate_size], tf.bool)
        )
        return nests.zeros_like(
            self.users.outcome(user, slate, random.sample(self.users.response(user, slate), seed))
        )

    def _seat_newcomers(self, state, who, user_draws) -> SimulatorState:
        return state._replace(
            user=nests.where(who, self.users.initial_state(user_draws), state.user),
            response=nests.where(who, nests.zeros_like(state.response), state.response),
            num_steps=tf.where(who, 0, state.num_steps),
            done=state.done & ~who,
        )

    def _show(self, state: SimulatorState, slate: tf.Tensor, draw: Draw) -> tuple[Slate, Nest]:
        """The documents of a slate as the user sees them, and the draw of their hidden
        attributes.
        """
        positions = tf.maximum(slate, 0)
        documents = self.documents.describe(nests.take(state.candidates, positions), state.corpus)
        if not self.resample_documents:
            hidden, draws = nests.take(state.hidden, positions), ()
        else:
            distribution = self.documents.reveal(documents)
            hidden = draws = () if distribution is None else draw("hidden", distribution)
        return Slate(self.documents.show(documents, hidden), slate >= 0), draws

    def _loop(
        self, policy, state, num_steps, seed, auto_reset, policy_state, update, carry, early_exit
    ):
        """Steps `state` up to `num_steps` times; `update(carry, (transition, newcomers), step) ->
        carry`.
        """
        first_policy_state = policy_state

        num_users = nests.batch_size(state)
        some_slate = tf.tile(tf.range(self.slate_size)[tf.newaxis], [num_users, 1])
        ahead = Ahead(lambda draw: self._advance(state, some_slate, draw, auto_reset), num_users)
        seed, noise_seed = random.split_seed(seed, 2)

        def somebody_is_left(step, state, policy_state, seed, noise, carry):
            del step, policy_state, seed, noise, carry
            return ~tf.reduce_all(state.done) if early_exit else tf.constant(True)

        def body(step, state, policy_state, seed, noise, carry):
            seed, policy_seed, noise_seed = random.split_seed(seed, 3)
            slate, policy_state = policy(self.observe(state), policy_state, policy_seed)
            draw = ahead.draw(noise, noise_seed)
            next_state, transition, newcomers = self._advance(state, slate, draw, auto_reset)
            if auto_reset:
                policy_state = nests.where(
                    transition.terminated | transition.truncated, first_policy_state, policy_state
                )
            else:
                next_state = nests.where(state.done, state, next_state)
            return (
                step + 1,
                next_state,
                policy_state,
                seed,
                draw.carry(),
                update(carry, (transition, newcomers), step),
            )

        loop_vars = (0, state, policy_state, seed, ahead.begin(noise_seed), carry)
        # By default the random draws of ten steps run ahead of the users: three times the memory,
        # and slower for it.
        return tf.while_loop(
            somebody_is_left, body, loop_vars, parallel_iterations=1, maximum_iterations=num_steps
        )[-1]

    def _advance(
        self, state: SimulatorState, slate: tf.Tensor, draw: Draw, auto_reset: bool = False
    ) -> tuple[SimulatorState, Transition, Nest]:
        """One step of every user, active or not, with the draws taken from `draw`.

        Returns:
          The next state, the transition, and with `auto_reset` the draws of the newcomers, who are
          seated already, else ().
        """
        num_users = nests.batch_size(state.done)
        slate = validation.check_slate_format(slate, num_users, self.slate_size)
        if self.validate:
            slate = validation.check_slate_values(slate, self.num_candidates, self.allow_duplicates)
        shown, hidden = self._show(state, slate, draw)
        response_draw = draw("response", self.users.response(state.user, shown))
        response = self.users.outcome(state.user, shown, response_draw)
        innovation_distribution = self.users.innovation(state.user, shown, response)
        innovation = (
            () if innovation_distribution is None else draw("innovation", innovation_distribution)
        )
        user = self.users.update(state.user, shown, response, innovation)
        corpus = self.documents.update(state.corpus, shown, response)

        departure = self.users.departure(user)
        departure_draw = (
            draw("departure", departure) if isinstance(departure, tfd.Distribution) else ()
        )
        departed = (
            tf.cast(departure_draw, tf.bool)
            if isinstance(departure, tfd.Distribution)
            else departure
        )
        num_steps = state.num_steps + 1
        out_of_time = (
            tf.zeros_like(departed) if self.max_steps is None else num_steps >= self.max_steps
        )
        active = ~state.done

        next_state = SimulatorState(
            user=user,
            corpus=corpus,
            candidates=state.candidates,
            hidden=state.hidden,
            response=response,
            num_steps=num_steps,
            done=departed | out_of_time,
        )
        newcomers = ()
        if auto_reset:
            newcomers = draw("newcomers", self.users.initial_draws(num_users), next_state.done)
            next_state = self._seat_newcomers(next_state, next_state.done, newcomers)
        candidates = ()
        if self.resample_documents:
            candidates = draw(
                "candidates", self._candidate_distribution(num_users, corpus, next_state.user)
            )
            next_state = next_state._replace(candidates=candidates)
        reward = self.reward_fn(response)
        transition = Transition(
            slate=slate,
            draws=StepDraws(hidden, response_draw, innovation, departure_draw, candidates),
            response=response,
            reward=tf.where(active, reward, tf.zeros([], reward.dtype)),
            active=active,
            terminated=active & departed,
            truncated=active & out_of_time & ~departed,
        )
        return next_state, transition, newcomers
