"""A policy that recommends documents close to users, with a boost for providers with few clicks."""

from typing import Any

import gin
import tensorflow as tf

from recsim_tf.choice import affinity
from recsim_tf.core import random
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Nest, Observation, Seed
from recsim_tf.core.step.session_source import SessionSource
from recsim_tf.policies.policy_model import PolicyModel
from recsim_tf.policies.slates import largest


@gin.configurable
class Boosting(PolicyModel):
    """A policy for the ecosystem that shows the documents closest to a user, with a boost for
    providers who got less clicks than the mean. It is RecSim NG 0.1.2's `MyopicRecommender`.

    The boost is the mean of the clicks of all providers so far, less the clicks of the provider,
    clipped to [-cap, cap]. It is negative for providers with more clicks. A document's score is
    uniform between its affinity and its affinity plus boost, so half of the boost counts on
    average. With a cap of 0 the policy is myopic.

    Args:
      simulator: the environment.
      cap: the largest boost, in units of affinity.
    """

    simulator: SessionSource
    cap: Any = parameter(1.2, low=0)

    def __call__(self, observation: Observation, policy_state: Nest, seed: Seed):
        documents = observation.documents
        scores = 2 + affinity.negative_euclidean(observation.user, documents.features)
        cap = self.per_user("cap", 2, scores.dtype)
        boost = tf.clip_by_value(-documents.lead, -cap, cap)
        scores += random.uniform(tf.shape(scores), seed, scores.dtype) * boost
        return largest(scores, self.simulator.slate_size), policy_state
