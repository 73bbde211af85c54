"""The interest-evolution environment: RecSim's defaults in one call."""

from typing import Any

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
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    reward_fn=watch_time_reward,
    dtype: tf.DType = tf.float32,
    **simulator: Any,
) -> Simulator:
    """Interest evolution, "InterestEvolution-v1": users' interests drift with what they watch,
    within a budget of time.

    Observation: `user` has the interests [B, 20], `documents` the one-hot topics [B, N, 20],
    `response` the response to the last slate. Reward: time watched. A session ends when the user's
    budget is spent.

        simulator = recsim_tf.make("InterestEvolution-v1", slate_size=3, num_candidates=10)
        state = simulator.reset(num_users=1000, seed=0)

    Args:
      users, documents: the models, by default `InterestEvolutionUsers()` and
        `UtilityVideos()` of the dtype.
      reward_fn, **simulator: further arguments of `Simulator`.
    """
    return Simulator(
        users or InterestEvolutionUsers(dtype=dtype),
        documents or UtilityVideos(dtype=dtype),
        reward_fn=reward_fn,
        **simulator,
    )
