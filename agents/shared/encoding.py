"""Observations as float vectors, for networks."""

import tensorflow as tf

from recsim_tf.core.base.bounds import BoundedTensorSpec
from recsim_tf.core.base.types import Nest, Observation


def encoded_size(spec: Nest) -> int:
    """Length of the vector of an observation of this nest of specs, at least 1."""
    return max(sum(map(_leaf_size, tf.nest.flatten(spec))), 1)


def has_content(spec: Nest) -> bool:
    """True if an observation of this nest of specs has a number."""
    return any(map(_leaf_size, tf.nest.flatten(spec)))


def encode(observation: Nest, spec: Nest, num_outer_axes: int) -> tf.Tensor:
    """Concatenates an observation into float vectors.

    Integers bounded at both ends become one-hot vectors over their range, as in RecSim's
    observation adapter. All other values are flattened. An observation without content becomes a
    zero, as in RecSim, since some kernels refuse vectors of length 0.

    Args:
      observation: nest of [outer axes, ...].
      spec: the nest of specs of an element, without the outer axes.
      num_outer_axes: 1 for users [B], 2 for documents [B, N].

    Returns:
      float32 [outer axes, encoded_size(spec)].
    """
    parts = [
        _encode_leaf(leaf, leaf_spec, num_outer_axes)
        for leaf, leaf_spec in zip(tf.nest.flatten(observation), tf.nest.flatten(spec), strict=True)
    ]
    if not has_content(spec):
        return tf.zeros(tf.concat([tf.shape(parts[0])[:num_outer_axes], [1]], axis=0))
    return tf.concat(parts, axis=-1)


def num_categories(spec: tf.TensorSpec) -> int:
    """Size of a bounded integer's range, or 0 for any other spec."""
    if not spec.dtype.is_integer or not isinstance(spec, BoundedTensorSpec):
        return 0
    low, high = int(spec.minimum.min()), int(spec.maximum.max())
    # The end of the dtype's range stands for "no bound".
    unbounded = high == spec.dtype.max or low == spec.dtype.min < 0
    return 0 if unbounded else high - low + 1


def _leaf_size(spec: tf.TensorSpec) -> int:
    return (spec.shape.num_elements() or 0) * max(num_categories(spec), 1)


def _encode_leaf(leaf: tf.Tensor, spec: tf.TensorSpec, num_outer_axes: int):
    categories = num_categories(spec)
    if categories:
        leaf = tf.one_hot(leaf - int(spec.minimum.min()), categories)
    outer = tf.shape(leaf)[:num_outer_axes]
    return tf.reshape(tf.cast(leaf, tf.float32), tf.concat([outer, [_leaf_size(spec)]], axis=0))


def element_spec(documents_spec: Nest) -> Nest:
    """Specs of a document, with their bounds, from specs of N candidates."""

    def drop(spec: tf.TensorSpec):
        if not isinstance(spec, BoundedTensorSpec):
            return tf.TensorSpec(spec.shape[1:], spec.dtype, spec.name)
        return BoundedTensorSpec(
            spec.shape[1:], spec.dtype, spec.minimum.min(), spec.maximum.max(), spec.name
        )

    return tf.nest.map_structure(drop, documents_spec)


class ObservationEncoder:
    """Encodes the users and the documents of observations of these specs."""

    def __init__(self, observation_spec: Observation):
        self._user_spec = observation_spec.user
        self._document_spec = element_spec(observation_spec.documents)
        self.user_size = encoded_size(self._user_spec)
        self.document_size = encoded_size(self._document_spec)

    def user(self, observation: Observation) -> tf.Tensor:
        """The users of an observation, float32 [B, user_size]."""
        return encode(observation.user, self._user_spec, 1)

    def documents(self, documents: Nest) -> tf.Tensor:
        """Documents, a nest of [B, N, ...], as float32 [B, N, document_size]."""
        return encode(documents, self._document_spec, 2)
