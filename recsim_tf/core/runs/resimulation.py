"""Recorded sessions again: replays, scores, which are sums of the log-probabilities of draws, and
simulations that draw some of their stages anew.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import distributions, nests, random
from recsim_tf.core.base.corpora import OF_CORPORA
from recsim_tf.core.base.types import (
    InitialDraws,
    LogProb,
    Nest,
    Seed,
    SimulatorState,
    StepDraws,
    Trajectory,
)
from recsim_tf.core.step.stages import Models, PartlySampled, Recorded, begin, check_batch_axis
from recsim_tf.core.step.steps import advance, initial_state


def replay(models: Models, trajectory: Trajectory) -> SimulatorState:
    """Recomputes the states of a trajectory; see `Simulator.replay`."""

    def record(arrays, step, state, transition, log_probs):
        return nests.write(arrays, step, state)

    num_steps = trajectory.transitions.reward.shape[0]
    arrays = nests.arrays_like(initial_state(models, trajectory.initial), num_steps)
    return nests.stack(retrace(models, trajectory, record, arrays))


def retrace(
    models: Models,
    trajectory: Trajectory,
    function: Callable[..., Nest],
    carry: Nest,
    early_exit: bool = False,
    answers: Callable[[dict[str, Nest], tf.Tensor], Recorded] = lambda draws, _: Recorded(draws),
) -> Nest:
    """Goes through a trajectory again; see `Simulator.retrace`."""
    num_steps = trajectory.transitions.reward.shape[0]
    end = num_steps
    if early_exit:
        end = tf.math.count_nonzero(
            tf.reduce_any(trajectory.transitions.active, axis=1), dtype=tf.int32
        )
    auto_reset = not trajectory.is_single_session

    def body(step: tf.Tensor, state: SimulatorState, carry: Nest):
        transition, newcomers = nests.at_step((trajectory.transitions, trajectory.newcomers), step)
        recorded = answers({**transition.draws._asdict(), "newcomers": newcomers}, step)
        next_state, again, _ = advance(models, state, transition.action, recorded, auto_reset)
        transition = transition._replace(
            response=again.response, reward=again.reward, user_discount=again.user_discount
        )
        carry = function(carry, step, state, transition, recorded.log_probs)
        if not auto_reset:
            next_state = models.corpora.keep_ended(state, next_state)
        return step + 1, next_state, carry

    loop_vars = (0, initial_state(models, trajectory.initial), carry)
    return tf.while_loop(
        lambda step, *_: step < end, body, loop_vars, maximum_iterations=num_steps
    )[-1]


def resimulate(
    models: Models,
    trajectory: Trajectory,
    stages: Sequence[str],
    seed: Seed,
    function: Callable[..., Nest],
    carry: Nest,
) -> Nest:
    """Simulates recorded sessions again; see `Simulator.resimulate`."""
    stages = tuple(stages)
    unknown = [stage for stage in stages if stage not in StepDraws._fields]
    if unknown:
        raise ValueError(
            f"stages must be of {', '.join(StepDraws._fields)}, got {', '.join(unknown)}"
        )
    num_steps = trajectory.transitions.reward.shape[0]

    def body(step: tf.Tensor, state: SimulatorState, seed: Seed, carry: Nest):
        seed, step_seed = random.split_seed(seed, 2)
        transition = nests.at_step(trajectory.transitions, step)
        answers = PartlySampled(transition.draws._asdict(), step_seed, stages)
        next_state, again, _ = advance(models, state, transition.action, answers)
        next_state = models.corpora.keep_ended(state, next_state)
        return step + 1, next_state, seed, function(carry, step, state, again)

    first = initial_state(models, trajectory.initial)
    return tf.while_loop(
        lambda *_: tf.constant(True),
        body,
        (0, first, random.as_seed(seed), carry),
        maximum_iterations=num_steps,
    )[-1]


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
