# SPDX-License-Identifier: Apache-2.0
"""Replays of recorded sessions, and simulations that draw some of their stages anew."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from recsim_tf.core import nests, random
from recsim_tf.core.base.arguments import checked
from recsim_tf.core.base.types import Nest, Seed, SimulatorState, StepDraws, Trajectory
from recsim_tf.core.step.stages import Models, PartlySampled, Recorded
from recsim_tf.core.step.steps import advance, initial_state


def replay(models: Models, trajectory: Trajectory) -> SimulatorState:
    """Recomputes the states of a trajectory; see `Simulator.replay`."""

    def record(arrays, step, state, transition, log_probs):
        return nests.write(arrays, step, state)

    num_steps = _num_steps(trajectory)
    arrays = nests.arrays_like(initial_state(models, trajectory.initial), num_steps)
    return nests.stack(retrace(models, trajectory, record, arrays))


def retrace(
    models: Models,
    trajectory: Trajectory,
    function: Callable[..., Nest],
    carry: Nest,
    early_exit: bool = False,
    answers: Callable[[dict[str, Nest], tf.Tensor], Recorded] = lambda draws, _: Recorded(draws),
    select: Callable[[Nest, SimulatorState], tuple[Nest, SimulatorState]] | None = None,
) -> Nest:
    """Goes through a trajectory again; see `Simulator.retrace`."""
    num_steps = _num_steps(trajectory)
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
        if select is not None:
            carry, next_state = select(carry, next_state)
        return step + 1, next_state, carry

    loop_vars = (0, initial_state(models, trajectory.initial), carry)
    return tf.while_loop(
        lambda step, *_: step < end, body, loop_vars, maximum_iterations=num_steps
    )[-1]


def answers_of(
    trajectory: Trajectory, score: bool, drawn: Sequence[str], seed: Seed
) -> Callable[[dict[str, Nest], tf.Tensor], Recorded]:
    """The answers of a `retrace` of a trajectory; see `Simulator.retrace` for the arguments."""
    seeds = tf.stack(random.split_seed(seed, _num_steps(trajectory))) if drawn else None

    def answers(draws: dict[str, Nest], step: tf.Tensor) -> Recorded:
        if seeds is None:
            return Recorded(draws, score)
        return PartlySampled(draws, seeds[step], drawn, score)

    return answers


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
    num_steps = _num_steps(trajectory)

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


@checked
def _num_steps(trajectory: Trajectory) -> int:
    """The number of steps of an argument `trajectory`; raises a ValueError for anything else."""
    return trajectory.transitions.reward.shape[0]
