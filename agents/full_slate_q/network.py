# SPDX-License-Identifier: Apache-2.0
"""The networks of full-slate Q-learning, with a value for each ordered slate."""

import itertools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from recsim_tf.agents.shared.encoding import ObservationEncoder
from recsim_tf.agents.shared.networks import (
    CheckedNetwork,
    apply_layers,
    perceptron,
    require_hidden_layer,
)
from recsim_tf.agents.shared.slate_table import all_slates
from recsim_tf.core import nests
from recsim_tf.core.base.arguments import Count, configurable
from recsim_tf.core.base.types import Observation
from recsim_tf.core.base.validation import check_slate_size

# The numbers of sequences of topics are indices of a table, which takes 4 bytes for each.
_MAX_TOPIC_SEQUENCES = 2**24


@configurable
class FullSlateQNetwork(CheckedNetwork):
    """Q-values of all ordered slates, float [B, number of slates].

    The value is a multilayer perceptron on the observations of the user and of the K documents in
    slate order, shared by all slates. Its first layer is applied once to each candidate at each
    position, and the results are added. This is the same function with less computation.

    Args:
      observation_spec: `Observation` of specs.
      slate_size: size of slates K.
      hidden_units: sizes of the hidden layers (RecSim 0.2.4's default).
    """

    reads_kinds = True

    def __init__(
        self,
        observation_spec: Observation,
        slate_size: int,
        hidden_units: Sequence[Count] = (256, 32),
        name: str = "FullSlateQNetwork",
    ):
        super().__init__(input_tensor_spec=observation_spec, state_spec=(), name=name)
        require_hidden_layer(hidden_units)
        self._observation_spec = observation_spec
        self._encoder = ObservationEncoder(observation_spec)
        num_candidates = tf.nest.flatten(observation_spec.documents)[0].shape[0]
        self._slates = all_slates(num_candidates, slate_size)
        dense = tf.keras.layers.Dense
        self._user_layer = dense(hidden_units[0], name="user")
        self._position_layers = [
            dense(hidden_units[0], use_bias=False, name=f"position_{k}") for k in range(slate_size)
        ]
        self._layers_above = perceptron(hidden_units[1:], 1, "slate")

    def call(self, observation: Observation, step_type=(), network_state=(), training=False):
        hidden = self._user_layer(self._encoder.user(observation))[:, tf.newaxis, :]
        by_position = self._encoder.through(
            lambda vectors: [layer(vectors) for layer in self._position_layers],
            observation.documents,
        )
        for position, documents in enumerate(by_position):
            hidden += tf.gather(documents, self._slates[:, position], axis=1)
        return self._apply_above(hidden), network_state

    def slate_value(self, observation: Observation, slate: tf.Tensor) -> tf.Tensor:
        """Q-values float [B] of a slate int32 [B, K] of each user, when the variables exist."""
        shown = self._encoder.documents(nests.take(observation.documents, slate))
        hidden = self._user_layer(self._encoder.user(observation))
        for position, layer in enumerate(self._position_layers):
            hidden += layer(shown[:, position])
        return self._apply_above(hidden)

    def _apply_above(self, hidden: tf.Tensor):
        return tf.squeeze(apply_layers(self._layers_above, tf.nn.relu(hidden)), axis=-1)


@configurable
class TopicSetQNetwork(CheckedNetwork):
    """Q-values of all ordered slates, float [B, number of slates], with an output for each set of
    topics that a slate can show.

    A multilayer perceptron on the user's observation has an output for each multiset of K of T
    topics, C(T + K - 1, K) in all. Values do not generalise between sets, as in the full-slate
    Q-learning of Ie et al. 2019 (arXiv 1905.12767, section 7). They count the C(T, K) sets without
    repetition; here two candidates may have the same topic. Slates that differ only in the order of
    their documents have the same value.

    Args:
      observation_spec: `Observation` of specs. Documents are one-hot vectors of T topics.
      slate_size: size of slates K.
      hidden_units: sizes of the hidden layers.

    Raises:
      ValueError: if the documents' observation is not a vector, or there are more than 2^24
        sequences of the topics of a slate, T^K.
    """

    def __init__(
        self,
        observation_spec: Observation,
        slate_size: int,
        hidden_units: Sequence[Count] = (256, 32),
        name: str = "TopicSetQNetwork",
    ):
        super().__init__(input_tensor_spec=observation_spec, state_spec=(), name=name)
        require_hidden_layer(hidden_units)
        documents_spec = observation_spec.documents
        if (
            not isinstance(documents_spec, tf.TypeSpec)
            or documents_spec.shape.rank != 2
            or not documents_spec.dtype.is_floating
        ):
            raise ValueError(
                "documents must be observed as one-hot vectors of topics, float [N, T], got"
                f" {documents_spec}"
            )
        num_candidates, num_topics = documents_spec.shape
        check_slate_size(slate_size, num_candidates)
        if num_topics**slate_size > _MAX_TOPIC_SEQUENCES:
            raise ValueError(
                f"slate_size={slate_size} of documents of {num_topics} topics gives"
                f" {num_topics**slate_size:,} sequences of topics, TopicSetQNetwork takes at most"
                f" {_MAX_TOPIC_SEQUENCES:,}"
            )
        self._observation_spec = observation_spec
        self._encoder = ObservationEncoder(observation_spec)
        self._slates = all_slates(num_candidates, slate_size)
        sets = np.array(
            list(itertools.combinations_with_replacement(range(num_topics), slate_size)), np.int32
        )
        # The topics of a set, as digits of a number to the base T, index the number of the set.
        self._powers = num_topics ** np.arange(slate_size, dtype=np.int32)
        self._set_numbers = np.zeros(num_topics**slate_size, np.int32)
        self._set_numbers[sets @ self._powers] = np.arange(len(sets))
        self._set_layers = perceptron(hidden_units, len(sets), "set")

    def call(self, observation: Observation, step_type=(), network_state=(), training=False):
        topics = tf.gather(_topics(observation), self._slates, axis=1)
        return self._values(observation, topics), network_state

    def slate_value(self, observation: Observation, slate: tf.Tensor) -> tf.Tensor:
        """Q-values float [B] of a slate int32 [B, K] of each user."""
        topics = tf.gather(_topics(observation), slate, batch_dims=1)
        return self._values(observation, topics)

    def _values(self, observation: Observation, topics: tf.Tensor):
        """Q-values of slates with topics [B, ..., K], [B, ...]."""
        set_values = apply_layers(self._set_layers, self._encoder.user(observation))
        index = tf.reduce_sum(tf.sort(topics, axis=-1) * self._powers, axis=-1)
        return tf.gather(set_values, tf.gather(self._set_numbers, index), batch_dims=1)


def _topics(observation: Observation):
    """The topics of the candidates, int32 [B, N]."""
    return tf.argmax(observation.documents, axis=-1, output_type=tf.int32)
