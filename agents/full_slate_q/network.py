"""The network of full-slate Q-learning: one value for each ordered slate."""

from collections.abc import Sequence

import gin
import tensorflow as tf
from tf_agents.networks import network

from recsim_tf.agents.full_slate_q.slates import SlateTable
from recsim_tf.agents.shared import encoding


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
        observation_spec,
        slate_size: int,
        hidden_units: Sequence[int] = (256, 32),
        name: str = "FullSlateQNetwork",
    ):
        super().__init__(input_tensor_spec=observation_spec, state_spec=(), name=name)
        if not hidden_units:
            raise ValueError("hidden_units must name at least one layer, got none")
        self._user_spec = observation_spec.user
        self._document_spec = encoding.element_spec(observation_spec.documents)
        num_candidates = tf.nest.flatten(observation_spec.documents)[0].shape[0]
        self._slates = SlateTable(num_candidates, slate_size).slates
        layers = tf.keras.layers
        self._user_layer = layers.Dense(hidden_units[0], name="user")
        self._position_layers = [
            layers.Dense(hidden_units[0], use_bias=False, name=f"position_{k}")
            for k in range(slate_size)
        ]
        self._layers_above = [
            *(layers.Dense(n, "relu", name="hidden") for n in hidden_units[1:]),
            layers.Dense(1, name="value", dtype="float32"),
        ]

    def call(self, observation, step_type=(), network_state=(), training=False):
        del step_type, training
        user = encoding.encode(observation.user, self._user_spec, 1)
        documents = encoding.encode(observation.documents, self._document_spec, 2)
        hidden = self._user_layer(user)[:, tf.newaxis, :]
        for position, layer in enumerate(self._position_layers):
            hidden += tf.gather(layer(documents), self._slates[:, position], axis=1)
        return self._apply_above(hidden), network_state

    def slate_value(self, observation, slate: tf.Tensor) -> tf.Tensor:
        """Q-value float [B] of one slate int32 [B, K] a user: the same function as the call,
        without the work for all other slates.

        The variables must exist already (`create_variables`).
        """
        user = encoding.encode(observation.user, self._user_spec, 1)
        shown = tf.nest.map_structure(
            lambda leaf: tf.gather(leaf, slate, batch_dims=1), observation.documents
        )
        shown = encoding.encode(shown, self._document_spec, 2)
        hidden = self._user_layer(user)
        for position, layer in enumerate(self._position_layers):
            hidden += layer(shown[:, position])
        return self._apply_above(hidden)

    def _apply_above(self, hidden):
        hidden = tf.nn.relu(hidden)
        for layer in self._layers_above:
            hidden = layer(hidden)
        return tf.squeeze(hidden, axis=-1)
