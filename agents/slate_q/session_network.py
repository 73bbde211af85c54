"""A Q-network that tells apart what a choice earns and what part of a session it takes."""

from collections.abc import Sequence
from typing import NamedTuple

import gin
import tensorflow as tf

from recsim_tf.agents.shared.memory import Memory
from recsim_tf.agents.shared.networks import ItemPerceptron, apply_layers, perceptron
from recsim_tf.agents.slate_q.network import SlateQNetwork
from recsim_tf.core.types import Observation


class SessionValues(NamedTuple):
    """What a `SessionQNetwork` sees in the choices of B users from N documents."""

    reward_items: tf.Tensor  # [B, N], scaled reward of the coming steps after a click
    reward_no_click: tf.Tensor  # [B]
    # [B, N], ends of sessions in the coming steps after a click, times the mean return of sessions
    cost_items: tf.Tensor
    cost_no_click: tf.Tensor  # [B]
    log_worth: tf.Tensor  # [B], log of what a session of the user is worth over the mean session


@gin.configurable
class SessionQNetwork(SlateQNetwork):
    """Q-values that know what a session of this user is worth.

    The differential target charges for the end of a session the mean return of sessions G. But
    users differ. One who likes what is good earns more than G, whatever is shown. One who does not
    earns little, and loses more by slates at which nobody clicks than by what takes more of the
    session. So this network learns three things apart:

    - R(s, i), the reward of the coming steps,
    - C(s, i), the part of a session that the choice takes: G for each end in the coming steps,
    - w(s), what a session of such a user is worth over G,

    and Q(s, i) = R(s, i) - w(s) C(s, i), likewise for no click. With w the same for all this is the
    value that `SlateQNetwork` learns. R and C are regressions on lambda-returns. w is a Poisson
    regression of rewards, whose exposures are the parts of a session that the user's choices take:
    the rate of reward in a session's time. The best policy for a rate subtracts the rate times the
    cost from the reward (Dinkelbach 1967, "On nonlinear fractional programming").

    Calling it gives ((q_items [B, N], q_no_click [B], `SessionValues`), network_state). It needs
    rewards with a positive mean, and the target "differential" of `SlateQTargets`.

    Args:
      observation_spec: `Observation` of specs.
      hidden_units: sizes of the hidden layers, of all its perceptrons.
      items_see_user: see `SlateQNetwork`.
      memory: see `ChoiceValueNetwork`.

    Raises:
      ValueError: without a hidden layer.
    """

    def __init__(
        self,
        observation_spec: Observation,
        hidden_units: Sequence[int] = (64, 64),
        items_see_user: bool = False,
        memory: Memory | None = None,
        name: str = "SessionQNetwork",
    ):
        super().__init__(
            observation_spec, hidden_units, "learned", True, items_see_user, memory, name
        )
        self._cost_items = ItemPerceptron(hidden_units, items_see_user)
        self._cost_no_click_layers = perceptron(hidden_units, 1, "cost_no_click")
        self._worth_layers = perceptron(hidden_units, 1, "worth")

    def _outputs(self, users, documents):
        reward_items, reward_no_click = super()._outputs(users, documents)
        cost_no_click, log_worth = (
            tf.squeeze(apply_layers(layers, users), axis=-1)
            for layers in (self._cost_no_click_layers, self._worth_layers)
        )
        cost_items = self._cost_items(users, self._encoder.documents(documents))
        return SessionValues(
            reward_items=reward_items,
            reward_no_click=reward_no_click,
            cost_items=cost_items + cost_no_click[:, tf.newaxis],
            cost_no_click=cost_no_click,
            log_worth=log_worth,
        )

    def _result(self, outputs: SessionValues):
        worth = tf.exp(outputs.log_worth)
        return (
            outputs.reward_items - worth[..., tf.newaxis] * outputs.cost_items,
            outputs.reward_no_click - worth * outputs.cost_no_click,
            outputs,
        )
