# SPDX-License-Identifier: Apache-2.0
"""Ranges of observations that models declare, and specs with these ranges."""

from typing import Any, NamedTuple

import tensorflow as tf
import tree

# The class has no public name in TensorFlow. The specs of TF-Agents are objects of it.
from tensorflow.python.framework.tensor_spec import BoundedTensorSpec

from recsim_tf.core.base.types import Nest


class Bounds(NamedTuple):
    """The range of a tensor, both ends included; None means the end of the dtype's range."""

    low: Any = None
    high: Any = None


def bounded_specs(name: str, specs: Nest, bounds: Nest) -> Nest:
    """Named, bounded specs.

    Args:
      name: the name of the nest. The name of each leaf begins with it, such as
        "documents/cluster_id".
      specs: nest of `tf.TensorSpec`.
      bounds: one `Bounds` for all specs, or a nest of their structure. One `Bounds` may also stand
        for a part of the structure.

    Returns:
      Nest of `BoundedTensorSpec`.

    Raises:
      ValueError: if the structure of the bounds does not fit the specs.
    """
    bounds = _spread(bounds, specs)

    def bounded(path: tuple, spec: tf.TensorSpec, bound: Bounds):
        # A bool has no limits in TensorFlow.
        low, high = (False, True) if spec.dtype.is_bool else (spec.dtype.min, spec.dtype.max)
        low = low if bound.low is None else bound.low
        high = high if bound.high is None else bound.high
        return BoundedTensorSpec(
            spec.shape, spec.dtype, low, high, name="/".join(map(str, (name, *path)))
        )

    return tree.map_structure_with_path_up_to(specs, bounded, specs, bounds)


def _spread(bounds: Nest, specs: Nest) -> Nest:
    """`Bounds` of every leaf of the specs."""

    # Bounds are tuples, which a nest operation would take apart; it leaves functions whole.
    def of_part(bounds: Nest):
        if isinstance(bounds, Bounds):
            return lambda part: tf.nest.map_structure(lambda _: bounds, part)
        return None

    parts = tree.traverse(of_part, bounds)
    try:
        return tree.map_structure_up_to(parts, lambda spread, part: spread(part), parts, specs)
    except (TypeError, ValueError) as error:
        raise ValueError(f"bounds must have the structure of the specs: {error}") from error
