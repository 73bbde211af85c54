"""The page-clicks environment: its models in one call."""

import gin
import tensorflow as tf

from recsim_tf.core.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator, click_reward
from recsim_tf.environments.page_clicks.documents import PageItems
from recsim_tf.environments.page_clicks.users import PageClickUsers


@gin.configurable
def page_clicks(
    slate_size: int = 3,
    num_candidates: int = 10,
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    reward_fn=click_reward,
    resample_documents: bool = True,
    max_steps: int | None = 10,
    allow_duplicates: bool = False,
    validate: bool = False,
    dtype: tf.DType = tf.float32,
) -> Simulator:
    """Page clicks, "PageClicks-v0": users meet pages of items, and click on each position or not.
    Made to be fitted to logs.

    Observation: `user` the features int32 [B, F]; `documents` the `item_id` int32 [B, N],
    `categories` int32 [B, N, G] and `numeric` [B, N] of each candidate; `response` to the last
    page: `clicked` [B, K] and `item_id` int32 [B, K]. Reward: number of clicks, 0 to K. Users
    neither change nor leave: a session ends by the time limit, by default after ten pages, as
    truncated.

        simulator = recsim_tf.make("PageClicks-v0", num_candidates=20)
        state = simulator.reset(num_users=1000, seed=0)

    Args:
      slate_size: K, the positions of a page.
      num_candidates: N.
      users: the user model, default `PageClickUsers(dtype=dtype)`.
      documents: the document model, default `PageItems(dtype=dtype)`.
      reward_fn: maps a response to the reward [B].
      resample_documents: whether each step brings new candidates.
      max_steps: time limit of a session in pages, None for no limit.
      allow_duplicates: whether a slate may show a candidate twice.
      validate: whether to check the values of slates.
      dtype: tf.float32 or tf.float64, of the default models.

    Raises:
      ValueError: if the users have effects of another number of positions than slate_size.
    """
    users = users or PageClickUsers(dtype=dtype)
    position_effect = tf.convert_to_tensor(getattr(users, "position_effect", 0.0))
    if position_effect.shape.rank and position_effect.shape[-1] != slate_size:
        raise ValueError(
            f"position_effect of the users must have slate_size={slate_size} effects, got"
            f" {position_effect.shape[-1]}"
        )
    return Simulator(
        users=users,
        documents=documents or PageItems(dtype=dtype),
        slate_size=slate_size,
        num_candidates=num_candidates,
        reward_fn=reward_fn,
        resample_documents=resample_documents,
        max_steps=max_steps,
        allow_duplicates=allow_duplicates,
        validate=validate,
        name="PageClicks",
    )
