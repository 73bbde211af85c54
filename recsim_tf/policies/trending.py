# SPDX-License-Identifier: Apache-2.0
"""Policies of worlds: one shows documents that other users click, and tries unseen ones; one shows
documents close to users, with a boost for providers with few clicks.
"""

from typing import Any

import tensorflow as tf

from recsim_tf.choice import affinity
from recsim_tf.core import random
from recsim_tf.core.base.arguments import configurable
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Nest, Observation, Seed
from recsim_tf.core.step.session_source import SessionSource
from recsim_tf.policies.policy_model import PolicyModel
from recsim_tf.policies.slates import largest


@configurable
class Trending(PolicyModel):
    """A policy that shows the documents with the largest click rate among all users of a world,
    where documents have `clicks` and `impressions`, as in the news.

    The believed click rate of a document is a beta distribution, from its clicks and impressions
    plus the prior clicks and impressions of a new document. A score is its mean plus `exploration`
    times its standard deviation times normal noise, drawn for each user. With an exploration of 0
    the policy is greedy. With 1 it is Thompson sampling (Chapelle & Li 2011, "An Empirical
    Evaluation of Thompson Sampling") by the normal distribution that has the mean and variance of
    the beta distribution. So new documents are shown to some users, until clicks are known.

    Args:
      simulator: the environment.
      exploration: the factor of the noise.
      prior_clicks: the clicks that a new document starts with in the belief.
      prior_impressions: the impressions that a new document starts with in the belief.
    """

    simulator: SessionSource
    exploration: Any = parameter(1.0, low=0)
    prior_clicks: Any = parameter(1.0, above=0)
    prior_impressions: Any = parameter(10.0, above=0)

    def __call__(self, observation: Observation, policy_state: Nest, seed: Seed):
        documents = observation.documents
        dtype = documents.clicks.dtype
        impressions = documents.impressions + self.per_user("prior_impressions", 2, dtype)
        rate = (documents.clicks + self.per_user("prior_clicks", 2, dtype)) / impressions
        deviation = tf.sqrt(tf.nn.relu(rate * (1 - rate)) / (impressions + 1))
        noise = random.normal(tf.shape(rate), seed, dtype)
        scores = rate + self.per_user("exploration", 2, dtype) * deviation * noise
        return largest(scores, self.simulator.slate_size), policy_state


@configurable
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
