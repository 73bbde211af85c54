# SPDX-License-Identifier: Apache-2.0
"""The agents' observations in sessions whose draws are known."""

from collections.abc import Sequence
from typing import Any

from recsim_tf.core import nests
from recsim_tf.core.base.types import Nest, Observation, SimulatorState, Trajectory
from recsim_tf.core.random import Seed
from recsim_tf.core.runs.execution import compiled, traced_call
from recsim_tf.core.simulator import Simulator


def observations(
    simulator: Simulator, trajectory: Trajectory, drawn: Sequence[str] = (), seed: Seed = 0
) -> Observation:
    """The agents' observations before each step of a trajectory, a nest of [T, B, ...].

    The stages `drawn` are drawn anew, with the seed, see `Simulator.retrace`. Call it in a compiled
    function, or take `observed`.
    """
    first = simulator.observe(simulator.initial_state(trajectory.initial))

    def write(arrays: Nest, step: Any, state: SimulatorState, *_: Any):
        return nests.write(arrays, step, simulator.observe(state))

    arrays = nests.arrays_like(first, trajectory.transitions.reward.shape[0])
    written = simulator.retrace(trajectory, write, arrays, score=False, drawn=drawn, seed=seed)
    return nests.stack(written)


def observed(simulator: Simulator, trajectory: Trajectory) -> Observation:
    """The observations of a trajectory, see `observations`."""
    return traced_call(compiled(lambda each: observations(simulator, each)), trajectory)
