# SPDX-License-Identifier: Apache-2.0
"""Documents of a few kinds, which agents can tell apart by a number in place of features."""

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.bounds import BoundedTensorSpec
from recsim_tf.core.base.types import Nest, Observation
from recsim_tf.core.models.models import DocumentModel
from recsim_tf.core.simulator import Simulator


class KindSpec(BoundedTensorSpec):
    """The spec of the kinds of N documents, int32 [N] in [0, D), and the features of each kind.

    Args:
      num_documents: N.
      features: what an agent sees of a document of each kind, a nest of arrays [D, ...].
      features_spec: the bounded specs of the features of N documents, a nest of specs [N, ...].
    """

    def __init__(self, num_documents: int, features: Nest, features_spec: Nest):
        self._features, self._features_spec = features, features_spec
        super().__init__([num_documents], tf.int32, 0, self.num_kinds - 1, name="documents/kind")

    @property
    def num_kinds(self) -> int:
        """D."""
        return len(tf.nest.flatten(self._features)[0])

    @property
    def features(self) -> Nest:
        """The features of each kind, a nest of arrays [D, ...]."""
        return self._features

    @property
    def features_spec(self) -> Nest:
        """The specs of the features of N documents, a nest of specs [N, ...]."""
        return self._features_spec


def have_kinds(documents: DocumentModel) -> bool:
    """Tells whether documents have kinds whose features are the same for all users."""
    return documents.num_kinds is not None and not documents.users_of_parameters()


def kinds_of(simulator: Simulator) -> KindSpec:
    """The spec of the kinds of the candidates of a simulator. Raises a ValueError if its documents
    have no kinds, see `have_kinds`.
    """
    documents = simulator.documents
    if not have_kinds(documents):
        of_users = " and ".join(documents.users_of_parameters())
        reason = f"one {of_users} for all users" if of_users else "a num_kinds, which is None"
        raise ValueError(
            f"documents must have kinds, so {type(documents).__name__} must have {reason}"
        )
    with tf.init_scope():
        kinds = tf.range(documents.num_kinds)[tf.newaxis]
        seen = documents.observe(documents.describe(kinds, ()))
        table = tf.nest.map_structure(lambda leaf: np.asarray(leaf)[0], seen)
    return KindSpec(simulator.num_candidates, table, simulator.observation_spec().documents)


def features_of(documents: Nest, spec: Nest) -> Nest:
    """The features of documents, a nest of [B, N, ...], if `spec` is a `KindSpec` and they are
    kinds int32 [B, N]; other documents stay as they are.
    """
    if not isinstance(spec, KindSpec):
        return documents
    return tf.nest.map_structure(lambda table: tf.gather(table, documents), spec.features)


def features_spec(spec: Observation) -> Observation:
    """The specs of an observation with features in place of kinds."""
    if not isinstance(spec.documents, KindSpec):
        return spec
    return spec._replace(documents=spec.documents.features_spec)


def kinds_from(documents: Nest, features: Nest) -> tf.Tensor:
    """The kinds int32 [B, N] of documents with features [B, N, ...], from the features of each kind
    [D, ...]. An id tells a kind; without an id it is the kind with the nearest features. Raises a
    ValueError for documents with other features.
    """
    leaves, tables = tf.nest.flatten(documents), tf.nest.flatten(features)
    given, expected = [leaf.shape[2:] for leaf in leaves], [table.shape[1:] for table in tables]
    if given != expected:
        raise ValueError(
            f"the agent learned from documents of {len(expected)} features of shapes"
            f" {[*map(list, expected)]}, got {len(given)} of {[*map(list, given)]}"
        )
    leaves = [*zip(leaves, tables, strict=True)]
    for leaf, table in leaves:
        if table.ndim == 1 and table.dtype.kind == "i" and len(np.unique(table)) == len(table):
            order = np.argsort(table).astype(np.int32)
            place = tf.searchsorted(table[order], tf.reshape(leaf, [-1]))
            return tf.reshape(tf.gather(order, place), tf.shape(leaf))
    found = 0.0
    for leaf, table in leaves:
        flat = tf.reshape(leaf, tf.concat([tf.shape(leaf)[:2], [-1]], axis=0))
        rows = tf.ensure_shape(tf.cast(flat, tf.float32), [None, None, table[0].size])
        table = np.reshape(table, [len(table), -1]).astype(np.float32)
        # Half of the negative squared distance, but for the square of the document.
        found += tf.matmul(rows, table, transpose_b=True) - (table**2).sum(1) / 2
    return tf.argmax(found, axis=-1, output_type=tf.int32)
