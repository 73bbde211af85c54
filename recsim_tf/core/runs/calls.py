# SPDX-License-Identifier: Apache-2.0
"""Calls of rollouts and likelihoods: traced and kept where they are eager, and divided where they
are eager and large.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from recsim_tf.core import nests
from recsim_tf.core.base.arguments import checked, require
from recsim_tf.core.base.parameters import Model
from recsim_tf.core.base.types import Nest, Policy, SimulatorState, Trajectory, Transition
from recsim_tf.core.runs import rollout as rollouts
from recsim_tf.core.runs.division import Division
from recsim_tf.core.runs.execution import compiled, is_large, side_by_side
from recsim_tf.core.runs.kept import Kept
from recsim_tf.core.runs.rollout import Call


def rollout(kept: Kept, simulator: Any, call: Call) -> Trajectory:
    """Simulates users and keeps every draw; see `Simulator.rollout`."""

    numbers, inputs = _parts(call)

    def run(simulator, functions, inputs):
        return rollouts.rollout(simulator, _whole(numbers, functions[0], inputs))

    def run_in_parts(simulator, functions, inputs):
        return _rollout_in_parts(simulator, _whole(numbers, functions[0], inputs), division)

    division = _division(simulator, call)
    if division.num_replicas > 1 and call.policy_state is None and call.state is None:
        fixed = ("parts", numbers)
        trajectory = kept.run_traced(run_in_parts, fixed, simulator, (call.policy,), inputs)
        if trajectory is not None:
            return trajectory
    return kept.run(run, ("rollout", numbers), call.num_steps, simulator, (call.policy,), inputs)


def fold(
    kept: Kept,
    simulator: Any,
    call: Call,
    function: Callable[[Nest, Transition], Nest],
    initial: Nest | Callable[[SimulatorState], Nest],
) -> Nest:
    """Simulates users and folds each transition into a carry; see `Simulator.fold`."""
    require("function", function, Callable)
    numbers, inputs = _parts(call)
    functions = (call.policy, function, *([initial] if callable(initial) else []))

    def run(simulator, functions, inputs):
        policy, function, *first = functions
        inputs, initial = inputs
        initial = first[0] if first else initial
        return rollouts.fold(simulator, _whole(numbers, policy, inputs), function, initial)

    inputs = inputs, None if callable(initial) else initial
    return kept.run(run, ("fold", numbers), call.num_steps, simulator, functions, inputs)


def _parts(call: Call) -> tuple[Call, Nest]:
    """The numbers of a call, which a kept function may hold, and its seed, policy state and state,
    which are arguments of the function, as the policy is.
    """
    numbers = call._replace(policy=None, seed=None, policy_state=None, state=None)
    return numbers, (call.seed, call.policy_state, call.state)


def _whole(numbers: Call, policy: Policy, inputs: Nest) -> Call:
    """The call of which `_parts` made the numbers and the inputs."""
    seed, policy_state, state = inputs
    return numbers._replace(policy=policy, seed=seed, policy_state=policy_state, state=state)


@checked
def scores(
    kept: Kept,
    simulator: Any,
    name: str,
    score: Callable[[Any, Trajectory], Nest],
    trajectory: Trajectory,
) -> Nest:
    """The scores of a trajectory by a function of the given name, such as "log_prob". Raises a
    ValueError for slates of another size than the simulator's.
    """
    slate_size = trajectory.transitions.slate.shape[-1]
    if slate_size != simulator.slate_size:
        raise ValueError(
            "trajectory must be a rollout of the simulator, with"
            f" slate_size={simulator.slate_size}, got {slate_size}"
        )

    def run(simulator, functions, trajectory):
        return score(simulator, trajectory)

    num_steps = nests.batch_size(trajectory.transitions)
    return kept.run(run, (name,), num_steps, simulator, (), trajectory)


def _division(simulator: Any, call: Call) -> Division:
    """The division of the users of an eager rollout. It has several parts where XLA and all cores
    of a CPU are worth their compilation, and where no tape may ask for a gradient, since a
    parameter is a tensor or a variable: XLA has none of parts side by side. It is the same on all
    devices, since each part has draws of its own.
    """
    tensors = [each.tensors() for each in (simulator, call.policy) if isinstance(each, Model)]
    if is_large(call.num_users * call.num_steps) and not any(tensors):
        return Division.of_simulation(simulator, call.num_users)
    return Division()


def _rollout_in_parts(simulator: Any, call: Call, division: Division) -> Trajectory:
    share = division.share(call.num_users)

    @compiled(jit_compile=True)
    def part(seed: tf.Tensor) -> Trajectory:
        return rollouts.rollout(simulator, call._replace(num_users=share, seed=seed))

    initial, *by_step = side_by_side(part)(division.seeds(call.seed))
    return Trajectory(
        nests.merge_outer(initial), *tf.nest.map_structure(_users_of_all_parts, by_step)
    )


def _users_of_all_parts(leaf: tf.Tensor) -> tf.Tensor:
    """Reshapes the steps of S parts of b users, [S, T, b, ...], to [T, S * b, ...]."""
    num_parts, num_steps, share, *rest = leaf.shape
    by_step = tf.transpose(leaf, [1, 0, *range(2, leaf.shape.rank)])
    return tf.reshape(by_step, [num_steps, num_parts * share, *rest])
