"""The ecosystem: its models in one call."""

from typing import Any

import gin
import numpy as np
import tensorflow as tf

from recsim_tf.core.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.ecosystem.documents import Providers, provider_layout
from recsim_tf.environments.ecosystem.users import ClusteredUsers, utility_reward


@gin.configurable
def ecosystem(
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    means: np.ndarray | None = None,
    dtype: tf.DType = tf.float32,
    **simulator: Any,
) -> Simulator:
    """The ecosystem, "Ecosystem-v0": users share providers who make documents by the clicks that
    they get, RecSim NG 0.1.2's ecosystem simulation.

    Observation: `user` [B, F], the interests. `documents` has the `cluster_id` int32 [B, N] (the
    provider), `features` [B, N, F], and `lead` [B, N] (clicks of the provider so far less the mean
    of all providers). `response` to the last slate has `clicked` [B, K], `utility` [B] and
    `cluster_id` int32 [B, K]. Reward: the utility. Users do not leave: the time limit truncates a
    session.

        simulator = recsim_tf.make("Ecosystem-v0")
        state = simulator.reset(num_users=4000, seed=0)  # two worlds

    Args:
      users: the user model, default `ClusteredUsers(means, dtype=dtype)`.
      documents: the document model, default `Providers(means, dtype=dtype)`.
      means: [P, F], mean features of the providers of the default models, by default
        `provider_layout(0)`.
      dtype: tf.float32 or tf.float64, of the default models.
      **simulator: further arguments of `Simulator`; by default those of RecSim NG's demonstration:
        worlds of 2,000 users, slates of 3 of 5 documents for each provider, and 300 steps.

    Raises:
      ValueError: if users and documents differ in their providers.
    """
    means = provider_layout(0) if means is None else means
    users = users or ClusteredUsers(means, dtype=dtype)
    documents = documents or Providers(means, dtype=dtype)
    sizes = {"slate_size": 3, "max_steps": 300}
    if isinstance(documents, Providers):
        sizes |= {"num_candidates": 5 * documents.num_providers, "users_per_world": 2000}
    return Simulator(users, documents, **{**sizes, "reward_fn": utility_reward, **simulator})
