# SPDX-License-Identifier: Apache-2.0
"""Policies by the clickbait of documents, for long-term satisfaction and for return visits."""

import tensorflow as tf

from recsim_tf.core.base.arguments import Fraction, configurable
from recsim_tf.core.base.types import Nest, Observation, Policy, Seed
from recsim_tf.core.models.explanations import Explained, Explanation
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.long_term_satisfaction import ClickbaitDocuments
from recsim_tf.policies import fields


@configurable(module="recsim_tf.policies")
def clickbait_policy(simulator: Simulator, target: Fraction = 1.0) -> Policy:
    """A policy that shows the K candidates of the clickbait closest to a target, best first.

    With a target of 1 it is myopic, since the most clickbait engages the most now where the
    sensitivity of users is small. With a target of 0 it shows kale.

    Args:
      simulator: a simulator of `ClickbaitDocuments`.
      target: the clickbait that is aimed at, in [0, 1].

    Raises:
      ValueError: for an environment with queries, other documents, or a target out of range.
    """
    fields.require_slates("clickbait_policy", simulator)
    documents = simulator.documents
    if not isinstance(documents, ClickbaitDocuments):
        raise ValueError(
            f"clickbait_policy needs ClickbaitDocuments, got {type(documents).__name__}"
        )

    def distance(observation: Observation):
        seen = observation.documents[..., 0]
        clickbait = 1 - seen if documents.show_kaleness else seen
        return tf.abs(clickbait - tf.cast(target, clickbait.dtype))

    def act(observation: Observation, policy_state: Nest, seed: Seed):
        return tf.math.top_k(-distance(observation), simulator.slate_size).indices, policy_state

    def explain(observation: Observation, policy_state: Nest, seed: Seed):
        return Explanation(candidates={"distance to the target": distance(observation)})

    return Explained(act, explain, parts=[simulator])
