"""A Q-network of two towers, for the thousands of candidates of a shared catalogue."""

from collections.abc import Callable, Sequence

import gin
import numpy as np
import tensorflow as tf

from recsim_tf.agents.shared.memory import Memory
from recsim_tf.agents.shared.networks import perceptron
from recsim_tf.agents.shared.towers import TwoTowers
from recsim_tf.agents.slate_q.network import ChoiceValueNetwork
from recsim_tf.core.types import Observation


@gin.configurable
class TwoTowerQNetwork(ChoiceValueNetwork):
    """Q-values of every candidate and of "no click", from a vector of the user and a vector of each
    document.

    The item-wise value is <f(user), g(document)> + b(document), see `TwoTowers`. `SlateQNetwork`
    sees user and document together and can express more, but it needs hidden layers for each of the
    B N pairs. The loss asks for one document of each user only.

    Args:
      observation_spec: `Observation` of specs.
      hidden_units, embedding_size, document_features: of the `TwoTowers`.
      belief: maps the observation to a vector [B, U] that all see beside the user's observation, as
        what the agent believes of a hidden taste; or None.
      no_click: "learned" or "zero", see `ChoiceValueNetwork`.
      relative: see `ChoiceValueNetwork`.
      memory: see `ChoiceValueNetwork`.

    Raises:
      ValueError: for an unknown no_click, or as `TwoTowers`.
    """

    def __init__(
        self,
        observation_spec: Observation,
        hidden_units: Sequence[int] = (64, 64),
        embedding_size: int = 32,
        document_features: Sequence | np.ndarray | tf.Tensor | None = None,
        belief: Callable[[Observation], tf.Tensor] | None = None,
        no_click: str = "learned",
        relative: bool = True,
        memory: Memory | None = None,
        name: str = "TwoTowerQNetwork",
    ):
        super().__init__(observation_spec, no_click, relative, name, memory)
        self._belief = belief
        self._sees_users |= belief is not None
        self._towers = TwoTowers(observation_spec, hidden_units, embedding_size, document_features)
        self._no_click_layers = (
            perceptron(hidden_units, 1, "no_click") if no_click == "learned" else []
        )

    def _users(self, observation):
        users = super()._users(observation)
        if self._belief is None:
            return users
        return tf.concat([users, tf.cast(self._belief(observation), tf.float32)], axis=-1)

    def _item_values(self, users, documents):
        return self._towers(users, documents)
