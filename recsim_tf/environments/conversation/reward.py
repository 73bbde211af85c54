"""Rewards of conversations."""

import gin
import tensorflow as tf

from recsim_tf.environments.conversation.acts import Act
from recsim_tf.environments.conversation.types import Response

# Of a turn, by act: a question or an offer costs the user's time, which silence does not.
ACT_COSTS = (0.0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)


@gin.configurable(module="recsim_tf")
def conversation_reward(response: Response, act_costs=ACT_COSTS) -> tf.Tensor:
    """[B]: the utility of the accepted item, less the cost of the act.

    Args:
      response: of the users.
      act_costs: [7], by `Act`.

    Raises:
      ValueError: for another number of costs.
    """
    if len(act_costs) != len(Act):
        raise ValueError(f"act_costs must be {len(Act)} numbers, got {len(act_costs)}")
    costs = tf.gather(tf.constant(act_costs, response.utility.dtype), response.act)
    return tf.reduce_sum(response.accepted * response.utility, axis=-1) - costs


@gin.configurable(module="recsim_tf")
def chosen_utility(response: Response) -> tf.Tensor:
    """[B]: the utility of the chosen item, whatever the act."""
    return tf.reduce_sum(response.clicked * response.utility, axis=-1)
