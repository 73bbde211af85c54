"""Recorded sessions again: their states, their probability, and other outcomes of them."""

from collections.abc import Sequence

import tensorflow as tf

from recsim_tf.core import nests, random
from recsim_tf.core.simulation import Simulation
from recsim_tf.core.stages import PartlySampled, Recorded
from recsim_tf.core.types import LogProb, Nest, SimulatorState, StepDraws, Trajectory


class Hindsight(Simulation):
    """The part of a `Simulator` that goes through trajectories again. Its methods are pure."""

    def replay(self, trajectory: Trajectory) -> SimulatorState:
        """Recomputes the states of a trajectory from its draws.

        Returns:
          The states [T, B, ...] in which the slates were shown.
        """

        def record(arrays, step, state, transition, log_probs):
            return nests.write(arrays, step, state)

        num_steps = trajectory.transitions.reward.shape[0]
        arrays = nests.arrays_like(self.initial_state(trajectory.initial), num_steps)
        return nests.stack(self.retrace(trajectory, record, arrays, score=False))

    def retrace(
        self,
        trajectory: Trajectory,
        function,
        carry: Nest,
        score: bool,
        early_exit: bool = False,
        answers: type[Recorded] = Recorded,
    ) -> Nest:
        """Goes through a trajectory again, with its draws and turns.

        Args:
          trajectory: [T, B, ...].
          function: (carry, step, state, transition, log_probs) -> carry. State and transition are
            [B, ...]. Response, reward and worth are computed again, so they are differentiable.
            log_probs
            holds [B] by stage, and [W] for the stages of corpora.
          carry: the first carry.
          score: whether `log_probs` are wanted.
          early_exit: whether to stop where all sessions have ended.
          answers: what answers the stages; it says by which names `log_probs` come.

        Returns:
          The last carry.
        """
        num_steps = trajectory.transitions.reward.shape[0]
        end = num_steps
        if early_exit:
            end = tf.math.count_nonzero(
                tf.reduce_any(trajectory.transitions.active, axis=1), dtype=tf.int32
            )
        auto_reset = not trajectory.is_single_session

        def body(step, state, carry):
            transition, newcomers = nests.at_step(
                (trajectory.transitions, trajectory.newcomers), step
            )
            recorded = answers({**transition.draws._asdict(), "newcomers": newcomers}, score)
            next_state, again, _ = self.advance(state, transition.action, recorded, auto_reset)
            transition = transition._replace(
                response=again.response, reward=again.reward, worth=again.worth
            )
            carry = function(carry, step, state, transition, recorded.log_probs)
            return (
                step + 1,
                next_state if auto_reset else self.corpora.keep_ended(state, next_state),
                carry,
            )

        loop_vars = (0, self.initial_state(trajectory.initial), carry)
        return tf.while_loop(
            lambda step, *_: step < end, body, loop_vars, maximum_iterations=num_steps
        )[-1]

    def resimulate(
        self, trajectory: Trajectory, stages: Sequence[str], seed, function, carry: Nest
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
        stages = tuple(stages)
        unknown = [stage for stage in stages if stage not in StepDraws._fields]
        if unknown:
            raise ValueError(
                f"stages must be of {', '.join(StepDraws._fields)}, got {', '.join(unknown)}"
            )
        num_steps = trajectory.transitions.reward.shape[0]

        def body(step, state, seed, carry):
            seed, step_seed = random.split_seed(seed, 2)
            transition = nests.at_step(trajectory.transitions, step)
            answers = PartlySampled(transition.draws._asdict(), step_seed, stages)
            next_state, again, _ = self.advance(state, transition.action, answers)
            return (
                step + 1,
                self.corpora.keep_ended(state, next_state),
                seed,
                function(carry, step, state, again),
            )

        loop_vars = (0, self.initial_state(trajectory.initial), random.as_seed(seed), carry)
        return tf.while_loop(
            lambda *_: tf.constant(True), body, loop_vars, maximum_iterations=num_steps
        )[-1]

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
        trajectory.require_single_session()
        num_users, corpora = trajectory.transitions.reward.shape[1], self.corpora
        if isinstance(trajectory.initial, SimulatorState):
            initial = documents = tf.zeros([num_users], self.users.dtype)
        else:
            begun = Recorded(trajectory.initial._asdict(), score=True)
            self.begin(num_users, begun)
            initial = begun.log_probs.pop("user")
            of_corpora = [tf.cast(each, initial.dtype) for each in begun.log_probs.values()]
            documents = corpora.at_first_users(tf.add_n(of_corpora), num_users)
        zeros = tf.zeros_like(initial)

        def add(total, step, state, transition, log_probs):

            def part(*stages, active=transition.active):
                terms = [
                    tf.cast(log_probs[stage], initial.dtype)
                    for stage in stages
                    if stage in log_probs
                ]
                if not terms:
                    return tf.zeros_like(active, initial.dtype)
                return tf.where(active, tf.add_n(terms), tf.zeros([], initial.dtype))

            of_corpora = part(
                *("hidden", "candidates", "corpus"), active=~corpora.ended(~transition.active)
            )

            return LogProb(
                initial=total.initial,
                response=total.response + part("response"),
                innovation=total.innovation + part("innovation"),
                departure=total.departure + part("departure"),
                documents=total.documents + corpora.at_first_users(of_corpora, num_users),
            )

        return self.retrace(
            trajectory,
            add,
            LogProb(initial, zeros, zeros, zeros, documents),
            score=True,
            early_exit=True,
        )
