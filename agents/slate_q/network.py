"""The networks of SlateQ: an item-wise Q(s, i) and the value of "no click", Q(s, none)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import gin
import tensorflow as tf

from recsim_tf.agents.shared.memory import Memory
from recsim_tf.agents.shared.networks import (
    ItemPerceptron,
    SlateNetwork,
    apply_layers,
    perceptron,
)
from recsim_tf.core.base.types import Nest, Observation
from recsim_tf.core.base.validation import check_one_of


@gin.configurable
class SlateQNetwork(SlateNetwork):
    """Q-values of every candidate and of "no click".

    Calling it with an observation of B users and N candidates gives ((q_items float [B, N],
    q_no_click float [B]), network_state). The item-wise value is a multilayer perceptron on the
    user's and one document's observation, shared by all candidates. The no-click value is a
    perceptron on the user's observation.

    Args:
      observation_spec: `Observation` of specs.
      hidden_units: sizes of the hidden layers, RecSim's are (256, 32).
      no_click: "learned", or "zero" for the SlateQ paper's value of zero.
      relative: with a learned no-click value, whether items are valued over no click, Q(s, i) -
        Q(s, none), as in a dueling network (Wang et al. 2016, arXiv 1511.06581).
      items_see_user: whether an item's value depends on the user beyond what it is relative to.
      memory: what it remembers of a session, by which the values differ too; or None.
      items: `TwoTowers`, or what else builds the layer of item-wise values from the observation
        spec and the hidden units; None for the perceptron.

    Raises:
      ValueError: for an unknown no_click, or without a hidden layer.
    """

    def __init__(
        self,
        observation_spec: Observation,
        hidden_units: Sequence[int] = (64, 64),
        no_click: str = "learned",
        relative: bool = True,
        items_see_user: bool = True,
        memory: Memory | None = None,
        items: Callable[..., tf.keras.layers.Layer] | None = None,
        name: str = "SlateQNetwork",
    ):
        super().__init__(observation_spec, name, memory)
        check_one_of(("learned", "zero"), no_click=no_click)
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


@gin.configurable
class ClickNetwork(SlateQNetwork):
    """Logits of a multinomial logit choice, learned from clicks: (logits [B, N], no_click_logit
    [B]) in the place of Q-values.

    Args:
      observation_spec: `Observation` of specs.
      hidden_units: sizes of the hidden layers of both perceptrons, at least one.
      memory: see `SlateQNetwork`.
    """

    def __init__(
        self,
        observation_spec: Observation,
        hidden_units: Sequence[int] = (64, 32),
        memory: Memory | None = None,
        name: str = "ClickNetwork",
    ):
        # All of them, since gin would bind the others as those of a `SlateQNetwork`.
        super().__init__(observation_spec, hidden_units, "learned", False, True, memory, None, name)


class SessionValues(NamedTuple):
    """What a `SessionQNetwork` sees in the choices of B users from N documents.

    Costs are ends of sessions in the coming steps, times the mean return of sessions.
    """

    reward: tf.Tensor  # [B], scaled reward of the coming steps, in the mean of the user's choices
    reward_over: tf.Tensor  # [B, N], what a click adds to it over no click
    cost: tf.Tensor  # [B], in the mean of the user's choices
    cost_over: tf.Tensor  # [B, N], what a click adds to it over no click
    log_worth: tf.Tensor  # [B], log of what a session of the user is worth over the mean session


@gin.configurable
class SessionQNetwork(SlateNetwork):
    """Q-values that know what a session of this user is worth.

    The differential target charges for the end of a session the mean return of sessions G. But
    users differ in what their sessions are worth. So this network learns three things apart:

    - R(i), the reward of the coming steps,
    - C(i), the part of a session that the choice takes: G for each end in the coming steps,
    - w(s), what a session of such a user is worth over G.

    The advantage of a click is Q(s, i) - Q(s, none) = R(i) - w(s) C(i), where R and C are over no
    click. The network learns beside them the means of R and C over the choices that the user may
    make, as functions of the user, and the mean stands in the place of Q(s, none).

    R and C are regressions of lambda-returns, and w is a Poisson regression of rewards, see
    `losses.session_losses`. The best policy for a rate subtracts the rate times the cost from the
    reward (Dinkelbach 1967, "On nonlinear fractional programming").

    Calling it gives ((q_items [B, N], q_no_click [B], `SessionValues`), network_state). It needs
    rewards with a positive mean, and the target "differential" of `SlateQTargets`.

    Args:
      observation_spec: `Observation` of specs.
      hidden_units: sizes of the hidden layers, at least one, of all its perceptrons.
      items_see_user: see `SlateQNetwork`.
      memory: see `SlateQNetwork`.
    """

    def __init__(
        self,
        observation_spec: Observation,
        hidden_units: Sequence[int] = (64, 64),
        items_see_user: bool = False,
        memory: Memory | None = None,
        name: str = "SessionQNetwork",
    ):
        super().__init__(observation_spec, name, memory)
        # One network for both: choosing among many candidates takes half the time.
        self._items = ItemPerceptron(observation_spec, hidden_units, items_see_user, outputs=2)
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
        worth = tf.exp(outputs.log_worth)
        mean = outputs.reward - worth * outputs.cost
        over = outputs.reward_over - worth[..., tf.newaxis] * outputs.cost_over
        return mean[..., tf.newaxis] + over, mean, outputs
