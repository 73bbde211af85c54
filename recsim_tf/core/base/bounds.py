"""Ranges of observations, which models declare, and specs with these ranges."""

from typing import Any, NamedTuple

import tensorflow as tf
import tree

# TensorFlow has no public name for it. It is the class that TF-Agents' specs are of.
from tensorflow.python.framework.tensor_spec import BoundedTensorSpec

from recsim_tf.core.base.types import Nest


class Bounds(NamedTuple):
    """The range of a tensor, both ends included; None means the end of the dtype's range."""

    low: Any = None
    high: Any = None


def bounded_specs(name: str, specs: Nest, bounds: Nest) -> Nest:
    """Named, bounded specs.

    Args:
      name: of the nest. The name of each leaf begins with it, as in "documents/cluster_id".
      specs: nest of `tf.TensorSpec`.
      bounds: one `Bounds` for all of them, or a nest of their structure, in which a part of it may
        have one too.

    Returns:
      Nest of `BoundedTensorSpec`.

    Raises:
      ValueError: for bounds of another structure.
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

    # Bounds are tuples themselves, which a nest would look into, and functions are not.
    def of_part(bounds: Nest):
        if isinstance(bounds, Bounds):
            return lambda part: tf.nest.map_structure(lambda _: bounds, part)
        return None

    parts = tree.traverse(of_part, bounds)
    try:
        return tree.map_structure_up_to(parts, lambda spread, part: spread(part), parts, specs)
    except (TypeError, ValueError) as error:
        raise ValueError(f"bounds must be of the structure of what they bound: {error}") from error
