"""Engagement bait: its models in one call."""

from typing import Any

import gin
import tensorflow as tf

from recsim_tf.core.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.engagement_bait.documents import BaitVideos
from recsim_tf.environments.engagement_bait.users import BaitedUsers, consumed_time_reward


@gin.configurable
def engagement_bait(
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    dtype: tf.DType = tf.float32,
    **simulator: Any,
) -> Simulator:
    """Engagement bait, "EngagementBait-v0": what is watched longest drives users away, and nobody
    sees where they are; RecSim NG 0.1.2's partially observable interest evolution.

    Observation: `user` [B, 0], nothing. `documents` int32 [B, N] are the ids of videos. `response`
    to the last slate has `clicked` and `consumed_time` [B, K], and `video_id` int32 [B, K]. Reward:
    the time. Users do not leave: the time limit truncates a session. All users of a world have the
    same candidates, which stay.

        simulator = recsim_tf.make("EngagementBait-v0")
        state = simulator.reset(num_users=1000, seed=0)

    Args:
      users: the user model, default `BaitedUsers(dtype=dtype)`.
      documents: the document model, default `BaitVideos(dtype=dtype)`.
      dtype: tf.float32 or tf.float64, of the default models.
      **simulator: further arguments of `Simulator`; by default slates of 2 of all videos, and 100
        steps, as in RecSim NG's demonstration. All users are one world.

    Raises:
      ValueError: if users and documents differ in their number of features.
    """
    users, documents = users or BaitedUsers(dtype=dtype), documents or BaitVideos(dtype=dtype)
    sizes = {"slate_size": 2, "max_steps": 100, "resample_documents": False}
    if isinstance(documents, BaitVideos):
        sizes |= {"num_candidates": documents.num_videos}
    return Simulator(users, documents, **{"reward_fn": consumed_time_reward, **sizes, **simulator})
