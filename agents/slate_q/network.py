# SPDX-License-Identifier: Apache-2.0
"""The networks of SlateQ: an item-wise Q(s, i) and the value of "no click", Q(s, none)."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import tensorflow as tf

from recsim_tf.agents.shared.memory import Memory
from recsim_tf.agents.shared.networks import ItemPerceptron, SlateNetwork, apply_layers, perceptron
from recsim_tf.core.base.arguments import Count, configurable
from recsim_tf.core.base.types import Nest, Observation


@configurable
class SlateQNetwork(SlateNetwork):
    """Q-values of every candidate and of "no click".

    A call with an observation of B users and N candidates returns ((q_items float [B, N],
    q_no_click float [B]), network_state). The item-wise value is a multilayer perceptron on the
    observations of the user and of a document, shared by all candidates. The no-click value is a
    perceptron on the user's observation.

    Args:
      observation_spec: `Observation` of specs.
      hidden_units: sizes of the hidden layers; RecSim's are (256, 32).
      no_click: "learned", or "zero" for the SlateQ paper's value of zero.
      relative: whether, with a learned no-click value, the network learns the values of items
        relative to no click, Q(s, i) - Q(s, none), as in a dueling network (Wang et al. 2016, arXiv
        1511.06581).
      items_see_user: whether the item-wise output depends on the user.
      memory: the memory of a session, on which the values then depend; or None.
      items: `TwoTowers`, or another function that builds the layer of item-wise values from the
        observation spec and the hidden units; None for the perceptron.

    Raises:
      ValueError: for an unknown no_click, or without a hidden layer.
    """

    def __init__(
        self,
        observation_spec: Observation,
        hidden_units: Sequence[Count] = (64, 64),
        no_click: Literal["learned", "zero"] = "learned",
        relative: bool = True,
        items_see_user: bool = True,
        memory: Memory | None = None,
        items: Callable[..., tf.keras.layers.Layer] | None = None,
        name: str = "SlateQNetwork",
    ):
        super().__init__(observation_spec, name, memory)
        self.learns_no_click = no_click == "learned"
        self._relative = relative
        if items is None:
            self._items = ItemPerceptron(observation_spec, hidden_units, items_see_user)
        else:
            self._items = items(observation_spec, hidden_units)
        self._no_click_layers = (
            perceptron(hidden_units, 1, "no_click") if self.learns_no_click else []
        )

    def _outputs(self, users: tf.Tensor, documents: Nest):
        q_items = self._items(users, documents)
        if not self.learns_no_click:
            return q_items, tf.zeros_like(q_items[:, 0])
        q_no_click = tf.squeeze(apply_layers(self._no_click_layers, users), axis=-1)
        if self._relative:
            q_items += q_no_click[:, tf.newaxis]
        return q_items, q_no_click


@configurable
class ClickNetwork(SlateQNetwork):
    """Logits of a multinomial logit choice, which are learned from clicks: (logits [B, N],
    no_click_logit [B]) in place of Q-values.

    Args:
      observation_spec: `Observation` of specs.
      hidden_units: sizes of the hidden layers of both perceptrons, at least one.
      memory: see `SlateQNetwork`.
    """

    def __init__(
        self,
        observation_spec: Observation,
        hidden_units: Sequence[Count] = (64, 32),
        memory: Memory | None = None,
        name: str = "ClickNetwork",
    ):
        # All arguments are given, since gin would bind missing ones as those of a `SlateQNetwork`.
        super().__init__(observation_spec, hidden_units, "learned", False, True, memory, None, name)


class SessionValues(NamedTuple):
    """The estimates of a `SessionQNetwork` for the choices of B users from N documents.

    Costs are ends of sessions in the coming steps, times the mean return of sessions.
    """

    reward: tf.Tensor  # [B], scaled reward of the coming steps, mean over the user's choices
    reward_over: tf.Tensor  # [B, N], reward after a click relative to no click
    cost: tf.Tensor  # [B], cost, mean over the user's choices
    cost_over: tf.Tensor  # [B, N], cost after a click relative to no click
    log_worth: tf.Tensor  # [B], log of the return of the user's sessions over the mean return

    @property
    def over(self) -> tf.Tensor:
        """The value of a click relative to no click, [B, N]."""
        return self.reward_over - tf.exp(self.log_worth)[..., tf.newaxis] * self.cost_over


@configurable
class SessionQNetwork(SlateNetwork):
    """Q-values that depend on the worth of a user's sessions.

    The differential target subtracts the mean return of sessions G at the end of a session. But the
    returns of sessions differ between users. So this network learns three parts separately:

    - R(i), the reward of the coming steps,
    - C(i), the part of a session that the choice takes: G for each end in the coming steps,
    - w(s), the worth of such a user's sessions: their mean return divided by G.

    The advantage of a click is Q(s, i) - Q(s, none) = R(i) - w(s) C(i), where R and C are relative
    to no click. The network also learns the means of R and C over the user's choices, as functions
    of the user, and uses the mean as Q(s, none).

    R and C are regressions of lambda-returns, and w is a Poisson regression of rewards, see
    `losses.session_losses`. The best policy for a rate subtracts the rate times the cost from the
    reward (Dinkelbach 1967, "On nonlinear fractional programming").

    A call returns ((q_items [B, N], q_no_click [B], `SessionValues`), network_state). The network
    needs rewards with a positive mean, and the target "differential" of `SlateQTargets`.

    Args:
      observation_spec: `Observation` of specs.
      hidden_units: sizes of the hidden layers, at least one, of all its perceptrons.
      items_see_user: see `SlateQNetwork`.
      memory: see `SlateQNetwork`.
    """

    def __init__(
        self,
        observation_spec: Observation,
        hidden_units: Sequence[Count] = (64, 64),
        items_see_user: bool = False,
        memory: Memory | None = None,
        name: str = "SessionQNetwork",
    ):
        super().__init__(observation_spec, name, memory)
        # R and C share a network, which halves the time of a choice among many candidates. They
        # begin at 0, so that the first slates are of all kinds of documents. From slates of the few
        # that random weights prefer, the network would learn more slowly.
        self._items = ItemPerceptron(
            observation_spec, hidden_units, items_see_user, outputs=2, starts_at_zero=True
        )
        self._user_layers = [
            perceptron(hidden_units, 1, name) for name in ("reward", "cost", "worth")
        ]

    def _outputs(self, users: tf.Tensor, documents: Nest):
        items = self._items(users, documents)
        reward, cost, log_worth = (
            tf.squeeze(apply_layers(layers, users), axis=-1) for layers in self._user_layers
        )
        return SessionValues(reward, items[..., 0], cost, items[..., 1], log_worth)

    def _result(self, outputs: SessionValues):
        mean = outputs.reward - tf.exp(outputs.log_worth) * outputs.cost
        return mean[..., tf.newaxis] + outputs.over, mean, outputs
