"""The interest-exploration environment: RecSim's defaults in one call."""

import gin
import tensorflow as tf

from recsim_tf.core.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator, click_reward
from recsim_tf.environments.interest_exploration.documents import TopicDocuments
from recsim_tf.environments.interest_exploration.users import InterestExplorationUsers


@gin.configurable
def interest_exploration(
    slate_size: int = 3,
    num_candidates: int = 10,
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    reward_fn=click_reward,
    resample_documents: bool = True,
    max_steps: int | None = 27000,
    allow_duplicates: bool = False,
    validate: bool = False,
    dtype: tf.DType = tf.float32,
) -> Simulator:
    """Interest exploration, "InterestExploration-v1": what the user likes is hidden, and the better
    made topic hides it further.

    Observation: `user` [B, 0], nothing; `documents` the topic `cluster_id` int32 [B, N] in [0, T)
    and the `quality` [B, N] of each; `response` the response to the last slate: `clicked` [B, K],
    `quality` [B, K], `cluster_id` int32 [B, K]. Reward: number of clicks, 0 or 1. Users do not
    leave: a session ends by the time limit, as truncated.

        simulator = recsim_tf.make("InterestExploration-v1", slate_size=2, num_candidates=15,
        max_steps=50) state = simulator.reset(num_users=1000, seed=0)

    With the defaults, to show what is well made is nearly the best that can be done (as in RecSim);
    there is more to explore where the types differ more in `InterestExplorationUsers.affinity_loc`.

    Args:
      slate_size: K.
      num_candidates: N.
      users: the user model, default `InterestExplorationUsers(dtype=dtype)`.
      documents: the document model, default `TopicDocuments(dtype=dtype)`.
      reward_fn: maps a response to the reward [B].
      resample_documents: whether each step brings new candidates.
      max_steps: time limit of a session (the default of RecSim 0.2.4's runner), None for no limit.
      allow_duplicates: whether a slate may show a candidate twice.
      validate: whether to check the values of slates.
      dtype: tf.float32 or tf.float64, of the default models.

    Raises:
      ValueError: if users and documents differ in their number of topics.
    """
    users = users or InterestExplorationUsers(dtype=dtype)
    documents = documents or TopicDocuments(dtype=dtype)
    of_users, of_documents = (getattr(model, "num_topics", None) for model in (users, documents))
    if None not in (of_users, of_documents) and of_users != of_documents:
        raise ValueError(
            f"documents must have the num_topics={of_users} of users, got {of_documents}"
        )
    return Simulator(
        users=users,
        documents=documents,
        slate_size=slate_size,
        num_candidates=num_candidates,
        reward_fn=reward_fn,
        resample_documents=resample_documents,
        max_steps=max_steps,
        allow_duplicates=allow_duplicates,
        validate=validate,
        name="InterestExploration",
    )
