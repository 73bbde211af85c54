"""The interest-exploration environment: RecSim's defaults in one call."""

from typing import Any

import gin
import tensorflow as tf

from recsim_tf.core.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.interest_exploration.documents import TopicDocuments
from recsim_tf.environments.interest_exploration.users import InterestExplorationUsers


@gin.configurable
def interest_exploration(
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    max_steps: int | None = 27000,
    dtype: tf.DType = tf.float32,
    **simulator: Any,
) -> Simulator:
    """Interest exploration, "InterestExploration-v1": the user's tastes are hidden, and the topic
    of higher quality hides them further.

    Observation: `user` [B, 0], nothing. `documents` has the topic `cluster_id` int32 [B, N] in
    [0, T) and the `quality` [B, N] of each. `response` to the last slate has `clicked` [B, K],
    `quality` [B, K] and `cluster_id` int32 [B, K]. Reward: number of clicks, 0 or 1. Users do not
    leave: the time limit truncates a session.

        simulator = recsim_tf.make("InterestExploration-v1", slate_size=2, num_candidates=15)
        state = simulator.reset(num_users=1000, seed=0)

    With the defaults, as in RecSim, it is nearly optimal to show documents of high quality. There
    is more to explore if the types differ more in `InterestExplorationUsers.affinity_loc`.

    Args:
      users: the user model, default `InterestExplorationUsers(dtype=dtype)`.
      documents: the document model, default `TopicDocuments(dtype=dtype)`.
      dtype: tf.float32 or tf.float64, of the default models.
      max_steps: time limit of a session (the default of RecSim 0.2.4's runner), None for no limit.
      **simulator: further arguments of `Simulator`.

    Raises:
      ValueError: if users and documents differ in their number of topics.
    """
    return Simulator(
        users or InterestExplorationUsers(dtype=dtype),
        documents or TopicDocuments(dtype=dtype),
        max_steps=max_steps,
        **simulator,
    )
