"""The interest-evolution environment: RecSim's defaults in one call."""

import gin
import tensorflow as tf

from recsim_tf.core.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.interest_evolution.documents import UtilityVideos
from recsim_tf.environments.interest_evolution.users import (
    InterestEvolutionUsers,
    watch_time_reward,
)


@gin.configurable
def interest_evolution(
    slate_size: int = 3,
    num_candidates: int = 10,
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    reward_fn=watch_time_reward,
    resample_documents: bool = True,
    max_steps: int | None = None,
    allow_duplicates: bool = False,
    validate: bool = False,
    dtype: tf.DType = tf.float32,
) -> Simulator:
    """Interest evolution, "InterestEvolution-v1": users' interests drift with what they watch,
    within a budget of time.

    Observation: `user` [B, 20] interests, `documents` [B, N, 20] one-hot topics, `response` the
    response to the last slate. Reward: time watched. A session ends when the user's budget is
    spent.

        simulator = recsim_tf.make("InterestEvolution-v1", slate_size=3, num_candidates=10)
        state = simulator.reset(num_users=1000, seed=0)

    Args:
      slate_size: K.
      num_candidates: N.
      users: the user model, default `InterestEvolutionUsers(dtype=dtype)`.
      documents: the document model, default `UtilityVideos(dtype=dtype)`.
      reward_fn: maps a response to the reward [B]; `watch_time_reward` or `recsim_tf.click_reward`.
      resample_documents: whether each step brings new candidates.
      max_steps: time limit of a session, None for no limit.
      allow_duplicates: whether a slate may show a candidate twice.
      validate: whether to check the values of slates.
      dtype: tf.float32 or tf.float64, of the default models.
    """
    return Simulator(
        users=users or InterestEvolutionUsers(dtype=dtype),
        documents=documents or UtilityVideos(dtype=dtype),
        slate_size=slate_size,
        num_candidates=num_candidates,
        reward_fn=reward_fn,
        resample_documents=resample_documents,
        max_steps=max_steps,
        allow_duplicates=allow_duplicates,
        validate=validate,
        name="InterestEvolution",
    )
