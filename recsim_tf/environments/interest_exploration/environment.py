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
    """Interest exploration, "InterestExploration-v1": what the user likes is hidden, and the better
    made topic hides it further.

    Observation: `user` [B, 0], nothing; `documents` the topic `cluster_id` int32 [B, N] in [0, T)
    and the `quality` [B, N] of each; `response` the response to the last slate: `clicked` [B, K],
    `quality` [B, K], `cluster_id` int32 [B, K]. Reward: number of clicks, 0 or 1. Users do not
    leave: a session ends by the time limit, as truncated.

        simulator = recsim_tf.make("InterestExploration-v1", slate_size=2, num_candidates=15)
        state = simulator.reset(num_users=1000, seed=0)

    With the defaults, to show what is well made is nearly the best that can be done (as in RecSim);
    there is more to explore where the types differ more in `InterestExplorationUsers.affinity_loc`.

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
