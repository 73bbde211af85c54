"""The page-clicks environment: its models in one call."""

from typing import Any

import gin
import tensorflow as tf

from recsim_tf.core.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.page_clicks.documents import PageItems
from recsim_tf.environments.page_clicks.users import PageClickUsers


@gin.configurable
def page_clicks(
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    dtype: tf.DType = tf.float32,
    **simulator: Any,
) -> Simulator:
    """Page clicks, "PageClicks-v0": users meet pages of items, and click on each position or not.
    Made to be fitted to logs.

    Observation: `user` has the features int32 [B, F]. `documents` has the `item_id` int32 [B, N],
    `categories` int32 [B, N, G] and `numeric` [B, N] of each candidate. `response` to the last page
    has `clicked` [B, K] and `item_id` int32 [B, K]. Reward: number of clicks, 0 to K. Users neither
    change nor leave: the time limit truncates a session, by default after ten pages.

        simulator = recsim_tf.make("PageClicks-v0", num_candidates=20)
        state = simulator.reset(num_users=1000, seed=0)

    Args:
      users, documents: the models, by default `PageClickUsers()` and `PageItems()` of the dtype.
      **simulator: further arguments of `Simulator`; by default sessions of 10 pages.

    Raises:
      ValueError: if the users have effects of another number of positions than slate_size.
    """
    users, documents = users or PageClickUsers(dtype=dtype), documents or PageItems(dtype=dtype)
    return Simulator(users, documents, **{"max_steps": 10, **simulator})
