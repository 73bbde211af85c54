"""Ranges that models declare for what they let an agent see; adapters turn them into bounded specs
and spaces.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import tensorflow as tf

from recsim_tf.core.types import Nest, Observation

if TYPE_CHECKING:
    from recsim_tf.core.simulator import Simulator


class Bounds(NamedTuple):
    """The range of a tensor, both ends included; None means the end of the dtype's range."""

    low: Any = None
    high: Any = None


def observation_bounds(simulator: "Simulator", observation: Observation) -> Observation:
    """The `Bounds` that a simulator's models declare, one for each leaf of an observation.

    Args:
      simulator: the simulator.
      observation: its structure alone is read; leaves may be tensors or specs.
    """
    return Observation(
        user=_spread(simulator.users.observation_bounds(), observation.user),
        documents=_spread(simulator.documents.observation_bounds(), observation.documents),
        response=_spread(simulator.users.response_bounds(), observation.response),
    )


def _spread(bounds: Nest, values: Nest) -> Nest:
    """A nest of bounds with the structure of `values`."""
    return tf.nest.map_structure(lambda _: bounds, values) if isinstance(bounds, Bounds) else bounds
