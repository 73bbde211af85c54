"""A network of full-slate Q-learning whose actions are sets of topics, as in the SlateQ paper."""

import itertools
from collections.abc import Sequence

import gin
import numpy as np
import tensorflow as tf
from tf_agents.networks import network

from recsim_tf.agents.full_slate_q.slates import SlateTable
from recsim_tf.agents.shared.encoding import ObservationEncoder
from recsim_tf.agents.shared.networks import apply_layers, perceptron, require_hidden_layer
from recsim_tf.core.types import Observation


@gin.configurable
class TopicSetQNetwork(network.Network):
    """Q-values of all ordered slates, float [B, number of slates], with one output for each set of
    topics that a slate can show.

    A multilayer perceptron on the user's observation has an output for each multiset of K of T
    topics, C(T + K - 1, K) in all. What is learned about a set does not carry over to another one,
    as in the full-slate Q-learning of Ie et al. 2019 (arXiv 1905.12767, section 7). They count the
    C(T, K) sets without a repetition; here two candidates may have the same topic. Slates that
    differ only in the order of their documents have the same value.

    Args:
      observation_spec: `Observation` of specs; documents are one-hot vectors of T topics.
      slate_size: K.
      hidden_units: sizes of the hidden layers.

    Raises:
      ValueError: if the documents' observation is not one vector.
    """

    def __init__(
        self,
        observation_spec: Observation,
        slate_size: int,
        hidden_units: Sequence[int] = (256, 32),
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
        self._encoder = ObservationEncoder(observation_spec)
        self._slates = SlateTable(num_candidates, slate_size).slates
        self._powers = num_topics ** np.arange(slate_size, dtype=np.int32)
        sets = np.array(
            list(itertools.combinations_with_replacement(range(num_topics), slate_size)), np.int32
        )
        self._set_numbers = np.zeros(num_topics**slate_size, np.int32)
        self._set_numbers[sets @ self._powers] = np.arange(len(sets))
        self._set_layers = perceptron(hidden_units, len(sets), "set")

    def call(self, observation, step_type=(), network_state=(), training=False):
        topics = tf.gather(_topics(observation), self._slates, axis=1)
        return (
            tf.gather(self._set_values(observation), self._numbers(topics), batch_dims=1),
            network_state,
        )

    def slate_value(self, observation, slate: tf.Tensor) -> tf.Tensor:
        """Q-value float [B] of one slate int32 [B, K] a user."""
        topics = tf.gather(_topics(observation), slate, batch_dims=1)
        return tf.gather(self._set_values(observation), self._numbers(topics), batch_dims=1)

    def _set_values(self, observation):
        return apply_layers(self._set_layers, self._encoder.user(observation))

    def _numbers(self, topics):
        """Numbers [...] of the multisets [..., K]."""
        digits = tf.sort(topics, axis=-1) * tf.constant(self._powers)
        return tf.gather(tf.constant(self._set_numbers), tf.reduce_sum(digits, axis=-1))


def _topics(observation):
    """int32 [B, N]."""
    return tf.argmax(observation.documents, axis=-1, output_type=tf.int32)
