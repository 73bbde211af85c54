"""Scores of recorded sessions by field, where a stage draws several things at once."""

import tensorflow as tf

from recsim_tf.core import distributions, nests
from recsim_tf.core.corpora import OF_CORPORA
from recsim_tf.core.hindsight import Hindsight
from recsim_tf.core.stages import Recorded
from recsim_tf.core.types import SimulatorState, Trajectory


class RecordedFields(Recorded):
    """As `Recorded`, with the log-probabilities of the parts of each stage, named as
    "response.choice"; "response" for a draw that has no parts.
    """

    def sample(self, stage, distribution, who=None):
        draw = self._draws[stage]
        if self._score:
            for name, score in distributions.log_prob_parts(distribution, draw).items():
                part = f"{stage}.{name}" if name else stage
                if score.shape.rank != 1:
                    raise ValueError(
                        f"the distribution of {part} must have one batch axis, the users, got"
                        f" log-probabilities of shape {score.shape}: wrap it in tfd.Independent"
                    )
                self.log_probs[part] = score
        return draw


class FieldScores(Hindsight):
    """The part of a `Simulator` that scores trajectories by field."""

    def log_prob_by_field(self, trajectory: Trajectory) -> dict[str, tf.Tensor]:
        """What `log_prob` sums up, by stage and field.

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
        trajectory.require_single_session()
        num_users, corpora = trajectory.transitions.reward.shape[1], self.corpora

        def of_users(log_probs, active):
            """Scores of users where they are in session, and those of corpora at first users."""
            found = {}
            for name, score in log_probs.items():
                if name.partition(".")[0] in OF_CORPORA:
                    ended = corpora.ended(~active)
                    score = tf.where(ended, tf.zeros_like(score), score)
                    found[name] = corpora.at_first_users(score, num_users)
                else:
                    found[name] = tf.where(active, score, tf.zeros_like(score))
            return found

        initial = {}
        if not isinstance(trajectory.initial, SimulatorState):
            begun = RecordedFields(trajectory.initial._asdict(), score=True)
            self.begin(num_users, begun)
            scores = of_users(begun.log_probs, tf.ones([num_users], tf.bool))
            initial = {f"initial.{name}": score for name, score in scores.items()}
        # Only the names and the format of the scores are of use, so that a graph loses this step.
        first = nests.at_step(trajectory.transitions, 0)
        answers = RecordedFields(first.draws._asdict(), score=True)
        self.advance(self.initial_state(trajectory.initial), first.action, answers)

        def add(total, step, state, transition, log_probs):
            scores = of_users(log_probs, transition.active)
            return {name: total[name] + score for name, score in scores.items()}

        steps = self.retrace(
            trajectory,
            add,
            nests.zeros_like(of_users(answers.log_probs, first.active)),
            score=True,
            early_exit=True,
            answers=RecordedFields,
        )
        return {**initial, **steps}
