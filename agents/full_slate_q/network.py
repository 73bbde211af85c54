"""The network of full-slate Q-learning: one value for each ordered slate."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import gin
import tensorflow as tf
from tf_agents.networks import network

from recsim_tf.agents.full_slate_q.slates import SlateTable
from recsim_tf.agents.shared.encoding import ObservationEncoder
from recsim_tf.agents.shared.networks import apply_layers, perceptron, require_hidden_layer
from recsim_tf.core import nests
from recsim_tf.core.types import Observation


@runtime_checkable
class ValuesOneSlate(Protocol):
    """A network of full-slate Q-learning that values one slate for less work than all."""

    def slate_value(self, observation: Observation, slate: tf.Tensor) -> tf.Tensor:
        """Q-value float [B] of one slate int32 [B, K] of each user."""


@gin.configurable
class FullSlateQNetwork(network.Network):
    """Q-values of all ordered slates, float [B, number of slates].

    A multilayer perceptron on the user's observation and those of the K documents in slate order,
    shared by all slates. Its first layer is applied once to each candidate at each position and
    added up, which is the same function for less work.

    Args:
      observation_spec: `Observation` of specs.
      slate_size: K.
      hidden_units: sizes of the hidden layers (RecSim 0.2.4's default).
    """

    def __init__(
        self,
        observation_spec: Observation,
        slate_size: int,
        hidden_units: Sequence[int] = (256, 32),
        name: str = "FullSlateQNetwork",
    ):
        super().__init__(input_tensor_spec=observation_spec, state_spec=(), name=name)
        require_hidden_layer(hidden_units)
        self._encoder = ObservationEncoder(observation_spec)
        num_candidates = tf.nest.flatten(observation_spec.documents)[0].shape[0]
        self._slates = SlateTable(num_candidates, slate_size).slates
        dense = tf.keras.layers.Dense
        self._user_layer = dense(hidden_units[0], name="user")
        self._position_layers = [
            dense(hidden_units[0], use_bias=False, name=f"position_{k}") for k in range(slate_size)
        ]
        self._layers_above = perceptron(hidden_units[1:], 1, "slate")

    def call(self, observation, step_type=(), network_state=(), training=False):
        documents = self._encoder.documents(observation.documents)
        hidden = self._user_layer(self._encoder.user(observation))[:, tf.newaxis, :]
        for position, layer in enumerate(self._position_layers):
            hidden += tf.gather(layer(documents), self._slates[:, position], axis=1)
        return self._apply_above(hidden), network_state

    def slate_value(self, observation, slate: tf.Tensor) -> tf.Tensor:
        """Q-value float [B] of one slate int32 [B, K] a user: the same function as the call,
        without the work for all other slates.

        The variables must exist already (`create_variables`).
        """
        shown = self._encoder.documents(nests.take(observation.documents, slate))
        hidden = self._user_layer(self._encoder.user(observation))
        for position, layer in enumerate(self._position_layers):
            hidden += layer(shown[:, position])
        return self._apply_above(hidden)

    def _apply_above(self, hidden):
        return tf.squeeze(apply_layers(self._layers_above, tf.nn.relu(hidden)), axis=-1)
