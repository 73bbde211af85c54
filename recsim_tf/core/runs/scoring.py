# SPDX-License-Identifier: Apache-2.0
"""Scores of recorded sessions, which are sums of the log-probabilities of their draws."""

from collections.abc import Callable

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import distributions, nests
from recsim_tf.core.base.corpora import OF_CORPORA
from recsim_tf.core.base.types import InitialDraws, LogProb, SimulatorState, StepDraws, Trajectory
from recsim_tf.core.runs.resimulation import retrace
from recsim_tf.core.step.stages import Models, Recorded, begin, check_batch_axis
from recsim_tf.core.step.steps import advance, initial_state


class RecordedFields(Recorded):
    """Recorded draws with the log-probabilities of the parts of each stage. The name of a score is
    "response.choice" for a part, for example, and "response" for a draw without parts.
    """

    def sample(self, stage: str, distribution: tfd.Distribution, who: tf.Tensor | None = None):
        draw = self._draws[stage]
        if self._score:
            for name, score in distributions.log_prob_parts(distribution, draw).items():
                part = f"{stage}.{name}" if name else stage
                self.log_probs[part] = check_batch_axis(part, score)
        return draw


def log_prob(models: Models, trajectory: Trajectory) -> LogProb:
    """Scores a single-session trajectory; see `Simulator.log_prob`."""

    def origin(stage: str, starts: bool):
        if stage in OF_CORPORA:
            return "documents"
        return "initial" if starts else stage

    return LogProb(**_sums(models, trajectory, Recorded, origin, LogProb._fields))


def log_prob_by_field(models: Models, trajectory: Trajectory) -> dict[str, tf.Tensor]:
    """The parts of `log_prob` by stage and field; see `Simulator.log_prob_by_field`."""
    # Only the names of the scores are used, so a graph drops the operations of this step.
    first = nests.at_step(trajectory.transitions, 0)
    answers = RecordedFields(first.draws._asdict(), score=True)
    advance(models, initial_state(models, trajectory.initial), first.action, answers)

    def name_of(part: str, starts: bool):
        return f"initial.{part}" if starts else part

    return _sums(models, trajectory, RecordedFields, name_of, tuple(answers.log_probs))


def _sums(
    models: Models,
    trajectory: Trajectory,
    answers: type[Recorded],
    name_of: Callable[[str, bool], str],
    names: tuple[str, ...],
) -> dict[str, tf.Tensor]:
    """The sums [B] of log-probabilities of a single-session trajectory, by name.

    Args:
      models, trajectory: see `Simulator.log_prob`.
      answers: the class that makes the log-probabilities of a step, by part of a stage.
      name_of: a function from the name of a part, and whether it starts sessions, to the name of
        the sum to which it is added.
      names: the names of the sums over steps.
    """
    trajectory.require_single_session()
    corpora, dtype = models.corpora, models.users.dtype
    num_users = trajectory.transitions.reward.shape[1]

    def named(log_probs: dict[str, tf.Tensor], active: tf.Tensor, starts: bool):
        """Scores of the users in session, [B] by name. The score of a corpus stands at the first of
        its users, and counts while any of them is in session. Scores of the same name are added in
        the order of the fields of the draws.
        """
        fields = InitialDraws._fields if starts else StepDraws._fields
        scores_of_names: dict[str, list[tf.Tensor]] = {}
        for part in sorted(log_probs, key=lambda part: fields.index(part.partition(".")[0])):
            score = tf.cast(log_probs[part], dtype)
            if part.partition(".")[0] in OF_CORPORA:
                score = tf.where(corpora.ended(~active), tf.zeros([], dtype), score)
                score = corpora.at_first_users(score, active.shape[0])
            else:
                score = tf.where(active, score, tf.zeros([], dtype))
            scores_of_names.setdefault(name_of(part, starts), []).append(score)
        return {name: tf.add_n(scores) for name, scores in scores_of_names.items()}

    started = {}
    if not isinstance(trajectory.initial, SimulatorState):
        begun = answers(trajectory.initial._asdict(), score=True)
        begin(models, num_users, begun)
        # The dtype of the scores of user draws may have more digits than the dtype of the models.
        dtype = next(iter(begun.log_probs.values())).dtype
        started = named(begun.log_probs, tf.ones([num_users], tf.bool), starts=True)

    def add(totals, step, state, transition, log_probs):
        scores = named(log_probs, transition.active, starts=False)
        return totals | {name: totals[name] + score for name, score in scores.items()}

    return retrace(
        models,
        trajectory,
        add,
        dict.fromkeys(names, tf.zeros([num_users], dtype)) | started,
        early_exit=True,
        answers=lambda draws, _: answers(draws, score=True),
    )
