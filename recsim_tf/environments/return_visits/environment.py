"""The return-visits environment: its models in one call."""

from typing import Any

import gin
import tensorflow as tf

from recsim_tf.core.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.long_term_satisfaction import (
    ClickbaitDocuments,
    engagement_reward,
)
from recsim_tf.environments.return_visits.users import ReturnVisitsUsers, viewers


@gin.configurable
def return_visits(
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    reward_fn=engagement_reward,
    dtype: tf.DType = tf.float32,
    **simulator: Any,
) -> Simulator:
    """Return visits, "ReturnVisits-v0": clickbait engages more in a visit and costs later visits.

    A session is a lifetime of 30 days with many visits of 5 steps. Observation: `user` is a
    `ReturningObservation`, whose `user` [B, 0] is nothing: `time` and `time_away`, [B], in
    [0, 1], are parts of the horizon; `visit`, int32 [B], in [1, 10]; `step`, int32 [B], in [0, 5].
    `documents` has the clickbait in [0, 1], [B, N, 1]. `response` to the last slate has `clicked`
    [B, K] and `engagement` [B, K], clipped to [0, 100]. Reward: engagement, not clipped. The user
    consumes position 0, so the other positions have no effect. A lifetime ends where the user is
    not seen again within its days.

        simulator = recsim_tf.make("ReturnVisits-v0")
        state = simulator.reset(num_users=1000, seed=0)

    Args:
      users: the user model, default `ReturnVisitsUsers()`.
      documents: the document model, default `ClickbaitDocuments(dtype=dtype)`.
      dtype: tf.float32 or tf.float64, of the default models.
      reward_fn, **simulator: further arguments of `Simulator`; by default slates of 1 of 10
        documents.
    """
    if users is None:
        users = ReturnVisitsUsers(viewers(dtype))
    documents = documents or ClickbaitDocuments(dtype=dtype)
    return Simulator(users, documents, **{"slate_size": 1, "reward_fn": reward_fn, **simulator})
