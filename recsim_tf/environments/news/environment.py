"""The news: its models in one call."""

from typing import Any

import gin
import tensorflow as tf

from recsim_tf.core.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.news.documents import Newsroom
from recsim_tf.environments.news.users import Readers


@gin.configurable
def news(
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    dtype: tf.DType = tf.float32,
    **simulator: Any,
) -> Simulator:
    """The news, "News-v0": articles appear and age in a world of users, whose clicks tell agents
    which ones are good.

    Observation: `user` [B, 0], nothing. `documents` has the `cluster_id` int32 [B, N] (the topic),
    and `age`, `clicks` and `impressions` [B, N], the last two of all users of the world. `response`
    to the last slate has `clicked` [B, K] and `cluster_id` int32 [B, K]. Reward: number of clicks,
    0 or 1. Users do not leave: the time limit truncates a session. A candidate is a place for
    articles, so position n may hold another article in the next step.

        simulator = recsim_tf.make("News-v0")
        state = simulator.reset(num_users=400, seed=0)  # two worlds

    Args:
      users: the user model, default `Readers(dtype=dtype)`.
      documents: the document model, default `Newsroom(dtype=dtype)`.
      dtype: tf.float32 or tf.float64, of the default models.
      **simulator: further arguments of `Simulator`; by default worlds of 200 users, slates of 3 of
        all articles, and ten days of 24 steps.

    Raises:
      ValueError: if users and documents differ in their number of topics.
    """
    users, documents = users or Readers(dtype=dtype), documents or Newsroom(dtype=dtype)
    sizes = {"slate_size": 3, "max_steps": 240, "resample_documents": False}
    if isinstance(documents, Newsroom):
        sizes |= {"num_candidates": documents.num_articles, "users_per_world": 200}
    return Simulator(users, documents, **{**sizes, **simulator})
