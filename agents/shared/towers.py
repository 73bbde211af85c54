# SPDX-License-Identifier: Apache-2.0
"""Two towers, which map the user and each document to vectors, for large catalogues."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from recsim_tf.agents.shared import encoding
from recsim_tf.agents.shared.networks import apply_layers, perceptron
from recsim_tf.core.base.arguments import Count, configurable
from recsim_tf.core.base.bounds import BoundedTensorSpec
from recsim_tf.core.base.types import Nest, Observation


@configurable(module="recsim_tf.agents")
class TwoTowers(tf.keras.layers.Layer):
    """A number for each document of each user, <f(user), g(document)> + b(document).

    `SlateQNetwork` and `SlatePolicyNetwork` accept this class as `items`, in place of a perceptron
    on user and document together. Such a perceptron can express more, but computes hidden layers
    for each of the B N pairs. The perceptrons f and g are combined only by an inner product. They
    are the two towers by which large catalogues are searched (Yi et al. 2019,
    "Sampling-bias-corrected neural modeling for large corpus item recommendations", RecSys 2019).

    Candidates are best observed as ids, a single integer leaf [B, N] with the bounds 0 and D - 1.
    All D documents then go through g once, unless the candidates are very few. Documents that are
    observed as features go through g for each candidate of each user.

    A call with users float32 [B, F] and observed documents returns float32 [B, N].

    Args:
      observation_spec: `Observation` of specs.
      hidden_units: sizes of the hidden layers of each perceptron; () for linear towers.
      embedding_size: length E of the vectors of users and documents.
      document_features: table [D, F] of numbers, the features of the document of each id in [0, D).
        It is read once and is not learned. With ids, None means a learned vector for each document.
        It must be None if documents are observed as features.

    Raises:
      ValueError: for an embedding_size below 1, ids without these bounds, or document_features
        without a row for each id.
    """

    def __init__(
        self,
        observation_spec: Observation,
        hidden_units: Sequence[Count],
        embedding_size: Count = 32,
        document_features: Sequence | np.ndarray | tf.Tensor | None = None,
    ):
        super().__init__(name="towers", autocast=False)
        self._encoder = encoding.ObservationEncoder(observation_spec)
        self._num_documents = _num_documents(self._encoder.document_spec)
        self._features = None
        if document_features is not None:
            self._features = _feature_table(document_features, self._num_documents)
        self._user_layers = perceptron(hidden_units, embedding_size, "user")
        self._free_vectors = []
        self._document_layers = []
        # The largest width of a document's row in any layer.
        self._width = embedding_size + 1
        if self._num_documents and self._features is None:
            embedding = tf.keras.layers.Embedding
            self._free_vectors = [
                embedding(self._num_documents, embedding_size, name="document"),
                embedding(self._num_documents, 1, "zeros", name="document_bias"),
            ]
        else:
            self._document_layers = perceptron(hidden_units, embedding_size + 1, "document")
            self._width = max(
                self._width, *hidden_units, 0 if self._features is None else self._features.shape[1]
            )

    def call(self, users: tf.Tensor, documents: Nest):
        vectors = apply_layers(self._user_layers, users)
        # The last number of a document's vector is its bias.
        vectors = tf.pad(vectors, [[0, 0], [0, 1]], constant_values=1.0)
        if not self._num_documents:
            return tf.linalg.matvec(
                self._through_tower(self._encoder.documents(documents)), vectors
            )
        (ids,) = tf.nest.flatten(documents)
        num_candidates, num_documents = ids.shape[1], self._num_documents
        # For few candidates, rows [B, N, width] are smaller than a product [B, D].
        if num_candidates is not None and num_candidates * self._width <= num_documents:
            return tf.linalg.matvec(self._vectors(ids), vectors)
        products = tf.matmul(vectors, self._vectors(), transpose_b=True)
        if num_candidates != num_documents:
            return tf.gather(products, ids, batch_dims=1)
        # If the candidates are all documents in order, nothing is gathered: under XLA the
        # computation after a gather is not vectorised.
        return tf.cond(
            tf.reduce_all(ids == tf.range(num_documents, dtype=ids.dtype)),
            lambda: products,
            lambda: tf.gather(products, ids, batch_dims=1),
        )

    def _vectors(self, ids: tf.Tensor | None = None):
        """The vectors of documents [...], or of the whole catalogue, float [..., E + 1]."""
        for layer in self._free_vectors:
            if not layer.built:
                layer(tf.zeros([1], tf.int32))
        tables = [layer.embeddings for layer in self._free_vectors] or [self._features]
        rows = [
            tf.convert_to_tensor(table) if ids is None else tf.gather(table, ids)
            for table in tables
        ]
        return self._through_tower(tf.concat(rows, axis=-1))

    def _through_tower(self, rows: tf.Tensor):
        if not self._document_layers:
            return rows
        # Dense layers are faster on two axes than on three.
        vectors = apply_layers(self._document_layers, tf.reshape(rows, [-1, rows.shape[-1]]))
        return tf.reshape(vectors, tf.concat([tf.shape(rows)[:-1], [vectors.shape[-1]]], axis=0))


def _num_documents(spec: Nest) -> int:
    """The number D of documents if a document is observed as an id in [0, D), else 0."""
    leaves = tf.nest.flatten(spec)
    if len(leaves) != 1 or leaves[0].shape.rank or not leaves[0].dtype.is_integer:
        return 0
    (spec,) = leaves
    if not encoding.num_categories(spec) or spec.minimum.min() < 0:
        bounds = []
        if isinstance(spec, BoundedTensorSpec):
            bounds = [int(spec.minimum.min()), int(spec.maximum.max())]
        raise ValueError(
            f"documents must be features, or ids with bounds 0 and D - 1, got {spec.dtype.name}"
            f" with bounds {bounds}"
        )
    return int(spec.maximum.max()) + 1


def _feature_table(features: Sequence | np.ndarray | tf.Tensor, num_documents: int) -> tf.Tensor:
    if not num_documents:
        raise ValueError(
            "document_features must be None unless documents are observed as one id, got a table"
            " for other documents"
        )
    with tf.init_scope():
        table = tf.cast(tf.convert_to_tensor(features), tf.float32)
    if table.shape.rank != 2 or table.shape[0] != num_documents:
        raise ValueError(
            f"document_features must have shape [{num_documents}, F], a row for each id, got"
            f" {table.shape}"
        )
    return table
