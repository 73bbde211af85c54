"""A Q-network that tells apart what a choice earns and what part of a session it takes."""

from collections.abc import Sequence
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
from recsim_tf.core.types import Observation


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
    users differ. One who likes what is good earns more than G, whatever is shown. One who does not
    earns little, and loses more by slates at which nobody clicks than by what takes more of the
    session. So this network learns three things apart:

    - R(i), the reward of the coming steps,
    - C(i), the part of a session that the choice takes: G for each end in the coming steps,
    - w(s), what a session of such a user is worth over G.

    The advantage of a click is Q(s, i) - Q(s, none) = R(i) - w(s) C(i), where R and C are over no
    click. Only differences between choices decide about a slate. So the network learns beside them
    the means of R and C over the choices that the user may make, as functions of the user, and the
    mean stands in the place of Q(s, none).

    R and C are regressions of lambda-returns on what the user chose less its probability, see
    `losses.session_losses`. w is a Poisson regression of rewards, whose exposures are the parts of
    a session that the user's choices take: the rate of reward in a session's time. The best policy
    for a rate subtracts the rate times the cost from the reward (Dinkelbach 1967, "On nonlinear
    fractional programming").

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

    learns_no_click = True

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
        self._items = ItemPerceptron(hidden_units, items_see_user, outputs=2)
        self._user_layers = [
            perceptron(hidden_units, 1, name) for name in ("reward", "cost", "worth")
        ]

    def _outputs(self, users, documents):
        items = self._items(users, self._encoder.documents(documents))
        reward, cost, log_worth = (
            tf.squeeze(apply_layers(layers, users), axis=-1) for layers in self._user_layers
        )
        return SessionValues(reward, items[..., 0], cost, items[..., 1], log_worth)

    def _result(self, outputs: SessionValues):
        worth = tf.exp(outputs.log_worth)
        mean = outputs.reward - worth * outputs.cost
        over = outputs.reward_over - worth[..., tf.newaxis] * outputs.cost_over
        return mean[..., tf.newaxis] + over, mean, outputs
