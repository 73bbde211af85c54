"""The networks of the slate policy gradient: a distribution of slates, and the value of a state."""

from collections.abc import Sequence

import gin
import tensorflow as tf

from recsim_tf.agents.shared.networks import (
    ItemPerceptron,
    SlateNetwork,
    apply_layers,
    perceptron,
)
from recsim_tf.core import validation
from recsim_tf.core.distributions.plackett_luce import PlackettLuce
from recsim_tf.core.types import Observation


@gin.configurable
class SlatePolicyNetwork(SlateNetwork):
    """A `PlackettLuce` distribution over the slates of the candidates.

    The logit of a candidate is a multilayer perceptron on the user's and its own observation.
    Calling it with an observation of B users and N candidates gives (distribution of batch shape
    [B], network_state).

    Args:
      observation_spec: `Observation` of specs.
      slate_size: K.
      hidden_units: sizes of the hidden layers.

    Raises:
      ValueError: without a hidden layer.
    """

    def __init__(
        self,
        observation_spec: Observation,
        slate_size: int,
        hidden_units: Sequence[int] = (64, 64),
        name: str = "SlatePolicyNetwork",
    ):
        super().__init__(observation_spec, name)
        validation.check_count(slate_size=slate_size)
        self._slate_size = slate_size
        self._logits = ItemPerceptron(hidden_units)

    def create_variables(self, input_tensor_spec=None, **kwargs):
        """Makes the variables and returns the spec of a slate."""
        super().create_variables(input_tensor_spec, **kwargs)
        return tf.TensorSpec([self._slate_size], tf.int32)

    def call(self, observation, step_type=(), network_state=(), training=False):
        del step_type, training
        documents = self._encoder.documents(observation.documents)
        logits = self._logits(self._encoder.user(observation), documents)
        return PlackettLuce(logits, self._slate_size), network_state


@gin.configurable
class StateValueNetwork(SlateNetwork):
    """The value of a state: a multilayer perceptron on the user's observation and the mean of the
    candidates'.

    Calling it with an observation of B users gives (value float [B], network_state).

    Args:
      observation_spec: `Observation` of specs.
      hidden_units: sizes of the hidden layers.
    """

    def __init__(
        self,
        observation_spec: Observation,
        hidden_units: Sequence[int] = (64, 64),
        name: str = "StateValueNetwork",
    ):
        super().__init__(observation_spec, name)
        self._value_layers = perceptron(hidden_units, 1, "state")

    def call(self, observation, step_type=(), network_state=(), training=False):
        del step_type, training
        documents = tf.reduce_mean(self._encoder.documents(observation.documents), axis=1)
        state = tf.concat([self._encoder.user(observation), documents], axis=-1)
        return tf.squeeze(apply_layers(self._value_layers, state), axis=-1), network_state
