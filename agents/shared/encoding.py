# SPDX-License-Identifier: Apache-2.0
"""Observations as float vectors, for networks."""

from collections.abc import Callable

import tensorflow as tf

from recsim_tf.agents.shared.kinds import KindSpec, features_of, features_spec
from recsim_tf.core.base.bounds import BoundedTensorSpec
from recsim_tf.core.base.types import Nest, Observation

_MOST_NUMBERS_OF_KINDS = 2**22  # 16 MB


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
    """Encodes the users and the documents of observations of these specs.

    Attributes:
      document_spec: specs of the features of a document.
      kinds: float32 [D, document_size], the vectors of the kinds of documents, where these are
        observed as kinds, see `KindSpec`, and the vectors are not too many; else None.
    """

    def __init__(self, observation_spec: Observation):
        self._spec = observation_spec
        self.document_spec = element_spec(features_spec(observation_spec).documents)
        self.user_size = encoded_size(observation_spec.user)
        self.document_size = encoded_size(self.document_spec)
        documents, self.kinds = observation_spec.documents, None
        has_kinds = isinstance(documents, KindSpec)
        if has_kinds and documents.num_kinds * self.document_size <= _MOST_NUMBERS_OF_KINDS:
            with tf.init_scope():
                features = tf.nest.map_structure(tf.constant, documents.features)
                self.kinds = encode(features, self.document_spec, 1).numpy()

    def user(self, observation: Observation) -> tf.Tensor:
        """The users of an observation, float32 [B, user_size]."""
        return encode(observation.user, self._spec.user, 1)

    def documents(self, documents: Nest) -> tf.Tensor:
        """Documents, a nest of [B, N, ...], as float32 [B, N, document_size]."""
        if self.kinds is not None:
            return tf.gather(self.kinds, documents)
        return encode(features_of(documents, self._spec.documents), self.document_spec, 2)

    def through(self, function: Callable[[tf.Tensor], Nest], documents: Nest) -> Nest:
        """A function of vectors [..., document_size] for documents, a nest of [B, N, ...]. It is
        computed once for each kind where documents have kinds.
        """
        if self.kinds is None:
            return function(self.documents(documents))
        return tf.nest.map_structure(lambda leaf: tf.gather(leaf, documents), function(self.kinds))
