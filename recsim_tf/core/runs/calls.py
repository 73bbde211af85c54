"""Calls of rollouts and likelihoods: traced and kept where they are eager, and divided where they
are eager and large.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from recsim_tf.core import nests
from recsim_tf.core.base.arguments import checked
from recsim_tf.core.base.parameters import Model
from recsim_tf.core.base.types import Nest, Policy, SimulatorState, Trajectory, Transition
from recsim_tf.core.runs import rollout as rollouts
from recsim_tf.core.runs.division import Division
from recsim_tf.core.runs.execution import compiled, is_large, side_by_side
from recsim_tf.core.runs.kept import Kept
from recsim_tf.core.runs.rollout import Loop


def rollout(
    kept: Kept,
    simulator: Any,
    policy: Policy,
    num_users: int,
    num_steps: int,
    seed: tf.Tensor,
    auto_reset: bool,
    policy_state: Nest | None,
    state: SimulatorState | None,
) -> Trajectory:
    """Simulates users and keeps every draw; see `Simulator.rollout`."""

    def run(simulator, functions, inputs):
        seed, policy_state, state = inputs
        loop = Loop(simulator, *functions, num_users, seed, auto_reset, policy_state, state)
        return rollouts.rollout(loop, num_steps)

    def run_in_parts(simulator, functions, inputs):
        return _rollout_in_parts(
            simulator, *functions, num_users, num_steps, *inputs, auto_reset, division
        )

    fixed = ("rollout", num_users, num_steps, auto_reset)
    division = _division(simulator, policy, num_users, num_steps)
    if division.num_replicas > 1 and policy_state is None and state is None:
        divided = ("parts", *fixed)
        trajectory = kept.run_traced(run_in_parts, divided, simulator, (policy,), (seed,))
        if trajectory is not None:
            return trajectory
    inputs = seed, policy_state, state
    return kept.run(run, fixed, num_steps, simulator, (policy,), inputs)


def fold(
    kept: Kept,
    simulator: Any,
    policy: Policy,
    num_users: int,
    num_steps: int,
    seed: tf.Tensor,
    function: Callable[[Nest, Transition], Nest],
    initial: Nest | Callable[[SimulatorState], Nest],
    auto_reset: bool,
    policy_state: Nest | None,
    state: SimulatorState | None,
) -> Nest:
    """Simulates users and folds each transition into a carry; see `Simulator.fold`."""
    functions = [policy, function, *([initial] if callable(initial) else [])]

    def run(simulator, functions, inputs):
        policy, function, *first = functions
        seed, policy_state, state, initial = inputs
        loop = Loop(simulator, policy, num_users, seed, auto_reset, policy_state, state)
        initial = first[0] if first else initial
        return rollouts.fold(loop, num_steps, function, initial, early_exit=not auto_reset)

    fixed = ("fold", num_users, num_steps, auto_reset)
    start = None if callable(initial) else initial
    inputs = seed, policy_state, state, start
    return kept.run(run, fixed, num_steps, simulator, tuple(functions), inputs)


@checked
def scores(
    kept: Kept,
    simulator: Any,
    name: str,
    score: Callable[[Any, Trajectory], Nest],
    trajectory: Trajectory,
) -> Nest:
    """The scores of a trajectory by a function of the given name, such as "log_prob"."""

    def run(simulator, functions, trajectory):
        return score(simulator, trajectory)

    num_steps = nests.batch_size(trajectory.transitions)
    return kept.run(run, (name,), num_steps, simulator, (), trajectory)


def _division(simulator: Any, policy: Policy, num_users: int, num_steps: int) -> Division:
    """The division of the users of an eager rollout. It has several parts where XLA and all cores
    of a CPU are worth their compilation, and where no tape may ask for a gradient, since a
    parameter is a tensor or a variable: XLA has none of parts side by side. It is the same on all
    devices, since each part has draws of its own.
    """
    tensors = [each.tensors() for each in (simulator, policy) if isinstance(each, Model)]
    if is_large(num_users * num_steps) and not any(tensors):
        return Division.of_simulation(simulator, num_users)
    return Division()


def _rollout_in_parts(
    simulator: Any,
    policy: Policy,
    num_users: int,
    num_steps: int,
    seed: tf.Tensor,
    auto_reset: bool,
    division: Division,
) -> Trajectory:
    share = division.share(num_users)

    @compiled(jit_compile=True)
    def part(seed: tf.Tensor) -> Trajectory:
        loop = Loop(simulator, policy, share, seed, auto_reset, policy_state=None, state=None)
        return rollouts.rollout(loop, num_steps)

    initial, *by_step = side_by_side(part)(division.seeds(seed))
    return Trajectory(
        nests.merge_outer(initial), *tf.nest.map_structure(_users_of_all_parts, by_step)
    )


def _users_of_all_parts(leaf: tf.Tensor) -> tf.Tensor:
    """Reshapes the steps of S parts of b users, [S, T, b, ...], to [T, S * b, ...]."""
    num_parts, num_steps, share, *rest = leaf.shape
    by_step = tf.transpose(leaf, [1, 0, *range(2, leaf.shape.rank)])
    return tf.reshape(by_step, [num_steps, num_parts * share, *rest])
