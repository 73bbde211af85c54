# SPDX-License-Identifier: Apache-2.0
"""The conversation environment."""

from collections.abc import Sequence
from typing import Unpack

import tensorflow as tf

from recsim_tf.conversations.acts import Act, query_spec
from recsim_tf.conversations.documents import Items
from recsim_tf.conversations.types import Response
from recsim_tf.conversations.users import ConversationUsers
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import configurable
from recsim_tf.core.base.ranges import Range, shown
from recsim_tf.core.models.models import DocumentModel
from recsim_tf.core.simulator import Simulator, SimulatorOptions

# Costs of a turn by act. A question or an offer costs the user's time; silence does not.
ACT_COSTS = (0.0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)


@configurable(module="recsim_tf")
def conversation_reward(response: Response, act_costs: Sequence[float] = ACT_COSTS) -> tf.Tensor:
    """The utility of the accepted item, less the cost of the act, [B].

    Args:
      response: the users' response.
      act_costs: costs by `Act`, [7].

    Raises:
      ValueError: for another number of costs, or costs that are not finite numbers.
    """
    Range().check("act_costs", act_costs)
    shape = validation.table_shape("act_costs", act_costs)
    if shape != [len(Act)]:
        got = shape[0] if shape.rank == 1 else shown(act_costs)
        raise ValueError(f"act_costs must be {len(Act)} numbers, got {got}")
    costs = tf.gather(tf.constant(act_costs, response.utility.dtype), response.act)
    return tf.reduce_sum(response.accepted * response.utility, axis=-1) - costs


def chosen_utility(response: Response) -> tf.Tensor:
    """The utility of the chosen item for any act, [B]."""
    return tf.reduce_sum(response.clicked * response.utility, axis=-1)


@configurable
def conversation(
    users: ConversationUsers | None = None,
    documents: DocumentModel | None = None,
    num_chips: int = 3,
    dtype: tf.DType = tf.float32,
    **simulator: Unpack[SimulatorOptions],
) -> Simulator:
    """Conversations, "Conversation-v0": the system recommends, endorses, compares, asks and shows
    chips; users choose, answer, rate, critique and refine.

    An action is a `Turn` of a slate and a `Query`: an `Act`, and the attributes that it names.
    Observation: `user` has the `refinements` [B, A], and the `taste` [B, F] if it is observed, else
    [B, 0]. `documents` has the `item_id` int32 [B, N], `bias` [B, N] and `factors` [B, N, F] of
    each candidate. `response` has the last turn, `act` int32 [B], `attributes` int32 [B, C] and
    `item_id` int32 [B, K]; and the reply, `symbol` int32 [B], `clicked`, `accepted` and `dwell`
    [B, K]. Reward: the utility of the accepted item, less the cost of the act. A session ends when
    the user accepts an item or runs out of patience, or by the time limit.

        simulator = recsim_tf.make("Conversation-v0")
        state = simulator.reset(num_users=1000, seed=0)
        slate = tf.tile([[0, 1, 2]], [1000, 1])
        query = conversation.query(conversation.Act.RECOMMEND, num_users=1000)
        state, transition = simulator.step(state, recsim_tf.Turn(slate, query), seed=1)

    Args:
      users: the user model, by default `ConversationUsers(dtype=dtype)`.
      documents: the document model, by default `Items` with the users' directions.
      num_chips: number of attributes C that a turn can name.
      dtype: dtype of the default models, tf.float32 or tf.float64.
      **simulator: further arguments of `Simulator`; by default slates of 3 of 20 candidates,
        sessions of at most 20 turns, and `conversation_reward`.

    Raises:
      ValueError: for other users than `ConversationUsers`, if users and documents differ in their
        number of factors or attributes, or num_chips is out of range.
    """
    users = ConversationUsers(dtype=dtype) if users is None else users
    if documents is None:
        documents = Items(
            num_factors=users.num_factors, directions=users.directions, dtype=users.dtype
        )
    options: SimulatorOptions = {
        "slate_size": 3,
        "num_candidates": 20,
        "max_steps": 20,
        "reward_fn": conversation_reward,
        "query_spec": query_spec(users.num_attributes, num_chips),
        **simulator,
    }
    return Simulator(users, documents, **options)
