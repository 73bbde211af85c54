"""The networks of the slate policy gradient: a distribution of slates, and the value of a state."""

from collections.abc import Sequence

import gin
import tensorflow as tf
from tf_agents.networks import network

from recsim_tf.agents.shared import encoding
from recsim_tf.agents.slate_q.network import SlateQNetwork
from recsim_tf.core.distributions.plackett_luce import PlackettLuce


@gin.configurable
class SlatePolicyNetwork(network.Network):
    """A `PlackettLuce` distribution over the slates of the candidates.

    The logit of a candidate is a multilayer perceptron on the user's and its own observation, the
    item-wise network of `SlateQNetwork`. Calling it with an observation of B users and N candidates
    gives (distribution of batch shape [B], network_state).

    Args:
      observation_spec: `Observation` of specs.
      slate_size: K.
      hidden_units: sizes of the hidden layers.
    """

    def __init__(
        self,
        observation_spec,
        slate_size: int,
        hidden_units: Sequence[int] = (64, 64),
        name: str = "SlatePolicyNetwork",
    ):
        super().__init__(input_tensor_spec=observation_spec, state_spec=(), name=name)
        self._slate_size = slate_size
        self._logits = SlateQNetwork(observation_spec, hidden_units, no_click="zero", name="logits")

    def create_variables(self, input_tensor_spec=None, **kwargs):
        """Makes the variables and returns the spec of a slate."""
        del input_tensor_spec, kwargs
        self._logits.create_variables()
        if not self.built:
            self(
                tf.nest.map_structure(
                    lambda spec: tf.zeros([1, *spec.shape], spec.dtype), self.input_tensor_spec
                )
            )
        return tf.TensorSpec([self._slate_size], tf.int32)

    def call(self, observation, step_type=(), network_state=(), training=False):
        (logits, _), _ = self._logits(observation, step_type, training=training)
        return PlackettLuce(logits, self._slate_size), network_state


@gin.configurable
class StateValueNetwork(network.Network):
    """The value of a state: a multilayer perceptron on the user's observation and the mean of the
    candidates'.

    Calling it with an observation of B users gives (value float [B], network_state).

    Args:
      observation_spec: `Observation` of specs.
      hidden_units: sizes of the hidden layers.
    """

    def __init__(
        self,
        observation_spec,
        hidden_units: Sequence[int] = (64, 64),
        name: str = "StateValueNetwork",
    ):
        super().__init__(input_tensor_spec=observation_spec, state_spec=(), name=name)
        self._user_spec = observation_spec.user
        self._document_spec = encoding.element_spec(observation_spec.documents)
        layers = tf.keras.layers
        self._value_layers = [
            *(layers.Dense(n, "relu", name="hidden") for n in hidden_units),
            layers.Dense(1, name="value", dtype="float32"),
        ]

    def call(self, observation, step_type=(), network_state=(), training=False):
        del step_type, training
        user = encoding.encode(observation.user, self._user_spec, 1)
        documents = encoding.encode(observation.documents, self._document_spec, 2)
        hidden = tf.concat([user, tf.reduce_mean(documents, axis=1)], axis=-1)
        for layer in self._value_layers:
            hidden = layer(hidden)
        return tf.squeeze(hidden, axis=-1), network_state
