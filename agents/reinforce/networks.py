"""The networks of the slate policy gradient: a distribution of slates, and the value of a state."""

from collections.abc import Sequence

import gin
import numpy as np
import tensorflow as tf

from recsim_tf.agents.shared.memory import Memory
from recsim_tf.agents.shared.networks import (
    ItemPerceptron,
    SlateNetwork,
    apply_layers,
    perceptron,
)
from recsim_tf.agents.shared.towers import TwoTowers
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
      memory: what it remembers of a session, by which logits differ too; or None.

    Raises:
      ValueError: without a hidden layer.
    """

    def __init__(
        self,
        observation_spec: Observation,
        slate_size: int,
        hidden_units: Sequence[int] = (64, 64),
        memory: Memory | None = None,
        name: str = "SlatePolicyNetwork",
    ):
        super().__init__(observation_spec, name, memory)
        validation.check_count(slate_size=slate_size)
        self._slate_size = slate_size
        self._logits = ItemPerceptron(hidden_units)

    def create_variables(self, input_tensor_spec=None, **kwargs):
        """Makes the variables and returns the spec of a slate."""
        super().create_variables(input_tensor_spec, **kwargs)
        return tf.TensorSpec([self._slate_size], tf.int32)

    def _outputs(self, users, documents):
        return tf.squeeze(self._logits(users, self._encoder.documents(documents)), axis=-1)

    def _result(self, outputs):
        return PlackettLuce(outputs, self._slate_size)


@gin.configurable
class TwoTowerPolicyNetwork(SlatePolicyNetwork):
    """A `PlackettLuce` distribution whose logits are inner products of a vector of the user and one
    of each document, see `TwoTowers`.

    It takes little work for each candidate: with a memory, as for a catalogue of ids, this is the
    network to learn with from long sessions.

    Args:
      observation_spec: `Observation` of specs.
      slate_size: K.
      hidden_units, embedding_size, document_features: of the `TwoTowers`.
      memory: as of `SlatePolicyNetwork`.

    Raises:
      ValueError: as `TwoTowers`.
    """

    def __init__(
        self,
        observation_spec: Observation,
        slate_size: int,
        hidden_units: Sequence[int] = (),
        embedding_size: int = 32,
        document_features: Sequence | np.ndarray | tf.Tensor | None = None,
        memory: Memory | None = None,
        name: str = "TwoTowerPolicyNetwork",
    ):
        SlateNetwork.__init__(self, observation_spec, name, memory)
        validation.check_count(slate_size=slate_size)
        self._slate_size = slate_size
        self._towers = TwoTowers(observation_spec, hidden_units, embedding_size, document_features)

    def _outputs(self, users, documents):
        return self._towers(users, documents)


@gin.configurable
class StateValueNetwork(SlateNetwork):
    """The value of a state: a multilayer perceptron on the user's observation and the mean of the
    candidates'.

    Calling it with an observation of B users gives (value float [B], network_state).

    Args:
      observation_spec: `Observation` of specs.
      hidden_units: sizes of the hidden layers.
      memory: what it remembers of a session, or None.
    """

    def __init__(
        self,
        observation_spec: Observation,
        hidden_units: Sequence[int] = (64, 64),
        memory: Memory | None = None,
        name: str = "StateValueNetwork",
    ):
        super().__init__(observation_spec, name, memory)
        self._value_layers = perceptron(hidden_units, 1, "state")

    def _outputs(self, users, documents):
        documents = tf.reduce_mean(self._encoder.documents(documents), axis=1)
        state = tf.concat([users, documents], axis=-1)
        return tf.squeeze(apply_layers(self._value_layers, state), axis=-1)
