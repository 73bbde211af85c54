"""The long-term-satisfaction environment: the defaults of RecSim, or of its tutorial, in one
call.
"""

from typing import Any

import gin
import tensorflow as tf

from recsim_tf.core.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.long_term_satisfaction.documents import ClickbaitDocuments
from recsim_tf.environments.long_term_satisfaction.users import (
    LongTermSatisfactionUsers,
    engagement_reward,
)


@gin.configurable
def long_term_satisfaction(
    tutorial: bool = False,
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    reward_fn=engagement_reward,
    dtype: tf.DType = tf.float32,
    **simulator: Any,
) -> Simulator:
    """Long-term satisfaction, "LongTermSatisfaction-v1": clickbait engages more now, and makes
    everything engage less later.

    Observation: `user` [B, 0], nothing. `documents` has the clickbait in [0, 1], [B, N, 1].
    `response` to the last slate has `clicked` [B, K] and `engagement` [B, K], clipped to [0, 100].
    Reward: engagement, not clipped. The user consumes position 0, so the other positions have no
    effect. A session ends when the time budget is spent, after 60 steps.

        simulator = recsim_tf.make("LongTermSatisfaction-v1", slate_size=1)
        state = simulator.reset(num_users=1000, seed=0)

    `tutorial=True` is the variant of RecSim's tutorial: the user chooses from the whole slate,
    `user` [B, 1] is the satisfaction with noise, and `documents` [B, N, 1] has the kaleness, 1 -
    clickbait.

    Args:
      tutorial: whether the default models are those of RecSim's tutorial.
      users: the user model, default `LongTermSatisfactionUsers(dtype=dtype)` or
        `LongTermSatisfactionUsers.tutorial(dtype=dtype)`.
      documents: the document model, default `ClickbaitDocuments(show_kaleness=tutorial,
        dtype=dtype)`.
      dtype: tf.float32 or tf.float64, of the default models.
      reward_fn, **simulator: further arguments of `Simulator`.
    """
    if users is None:
        kind = LongTermSatisfactionUsers
        users = kind.tutorial(dtype=dtype) if tutorial else kind(dtype=dtype)
    documents = documents or ClickbaitDocuments(show_kaleness=tutorial, dtype=dtype)
    return Simulator(users, documents, reward_fn=reward_fn, **simulator)
