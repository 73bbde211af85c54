"""Showing what other users click, and trying what nobody has seen yet."""

from typing import Any

import gin
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Nest, Observation, Seed
from recsim_tf.core.step.session_source import SessionSource
from recsim_tf.policies.policy_model import PolicyModel
from recsim_tf.policies.slates import largest


@gin.configurable
class Trending(PolicyModel):
    """A policy that shows the documents with the largest click rate among all users of a world,
    where documents have `clicks` and `impressions`, as in the news.

    The believed rate of a document is a beta distribution: of its clicks and impressions, and of
    those that stand for what is known of a document that nobody has seen. A score is its mean plus
    `exploration` times its standard deviation times normal noise, drawn for each user. With an
    exploration of 0 the policy is greedy; with 1 it is Thompson sampling (Chapelle & Li 2011, "An
    Empirical Evaluation of Thompson Sampling") by the normal that has the mean and variance of the
    beta distribution. So new documents are shown to some users, until their clicks are known.

    Args:
      simulator: the environment.
      exploration: of the noise.
      prior_clicks: of a document that nobody has seen.
      prior_impressions: of a document that nobody has seen.
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
