# SPDX-License-Identifier: Apache-2.0
"""Layers that add statistics of the session to an agent's observation of the user."""

import abc
from typing import NamedTuple

import tensorflow as tf

from recsim_tf.agents.layers.layer import Layer, or_zeros
from recsim_tf.core.base.arguments import Count, Positive, configurable
from recsim_tf.core.base.bounds import BoundedTensorSpec
from recsim_tf.core.base.types import Nest, Observation
from recsim_tf.core.step.turns import ActionFormat
from recsim_tf.policies.clicks import ClickCounts, counts_spec, update_counts
from recsim_tf.policies.fields import UserWithStatistics, response_clusters


class SufficientStatistics(Layer, abc.ABC):
    """Adds statistics to the user's observation. A subclass has `memory_spec` and `update` too."""

    @abc.abstractmethod
    def statistics_spec(self, observation_spec: Observation) -> Nest:
        """Specs of a user's statistics in the agent's observation."""

    @abc.abstractmethod
    def statistics(self, memory: Nest) -> Nest:
        """The statistics in the agent's observation, [B, ...]."""

    def observation_spec(self, observation_spec: Observation, actions: ActionFormat):
        user = UserWithStatistics(observation_spec.user, self.statistics_spec(observation_spec))
        return observation_spec._replace(user=user)

    def augment(self, memory: Nest, observation: Observation):
        return observation._replace(
            user=UserWithStatistics(observation.user, self.statistics(memory))
        )


class History(NamedTuple):
    """Observations of the last H steps, the newest first. Parts that are not remembered are ()."""

    # Whether a step is in the session, bool [B, H]. Before the start of the session it is False,
    # and the other fields are zeros.
    present: tf.Tensor
    user: Nest  # nest of [B, H, ...]
    documents: Nest  # nest of [B, H, N, ...]: the candidates
    response: Nest  # nest of [B, H, K, ...]: the response to the slate before that observation


@configurable(module="recsim_tf.agents")
class FixedLengthHistory(SufficientStatistics):
    """Adds the last observations, including the current one, as RecSim's fixed-length history
    layer.

    Args:
      history_length: number of observations H, at least 1.
      remember_user: whether the user's observations are remembered.
      remember_response: whether responses are remembered.
      remember_documents: whether the candidates are remembered.

    Raises:
      ValueError: for a length below 1, or if all three options are False.
    """

    def __init__(
        self,
        history_length: Count,
        remember_user: bool = True,
        remember_response: bool = True,
        remember_documents: bool = False,
    ):
        if not (remember_user or remember_response or remember_documents):
            raise ValueError(
                "at least one of remember_user, remember_response and remember_documents must be"
                " True, got False for all"
            )
        self._length = history_length
        self._remembered = {
            "user": remember_user,
            "documents": remember_documents,
            "response": remember_response,
        }

    def memory_spec(self, observation_spec: Observation, actions: ActionFormat):
        return self.statistics_spec(observation_spec)

    def statistics_spec(self, observation_spec: Observation):
        def stretch(spec: tf.TensorSpec):
            return or_zeros(spec, [self._length, *spec.shape])

        present = BoundedTensorSpec([self._length], tf.bool, False, True, "present")
        return History(present, **self._select(tf.nest.map_structure(stretch, observation_spec)))

    def statistics(self, memory: History):
        return memory

    def update(self, memory: History, observation: Observation):
        def push(leaf: tf.Tensor, history: tf.Tensor):
            return tf.concat([leaf[:, tf.newaxis], history[:, :-1]], axis=1)

        newest = History(tf.ones_like(memory.present[:, 0]), **self._select(observation))
        return tf.nest.map_structure(push, newest, memory)

    def _select(self, observation: Observation) -> dict[str, Nest]:
        return {
            name: part if self._remembered[name] else ()
            for name, part in observation._asdict().items()
        }


class ClickStatistics(NamedTuple):
    """The user's impressions and clicks in this session by cluster, in the layer's unit."""

    impression_count: tf.Tensor  # float32 [B, T]
    click_count: tf.Tensor  # float32 [B, T]


@configurable(module="recsim_tf.agents")
class ClusterClickStatistics(SufficientStatistics):
    """Adds the impressions and clicks of each cluster in this session, as RecSim's cluster click
    statistics layer.

    It needs observed responses with `clicked` and an integer `cluster_id`, whose upper bound gives
    the number T of clusters.

    Args:
      unit: the number of impressions, or clicks, that count as 1, above 0. Networks learn faster
        from numbers near 1.

    Raises:
      ValueError: for a unit out of range, or an environment without these responses.
    """

    def __init__(self, unit: Positive = 1.0):
        self._unit = unit

    def memory_spec(self, observation_spec: Observation, actions: ActionFormat):
        return counts_spec(response_clusters(observation_spec.response))

    def statistics_spec(self, observation_spec: Observation):
        num_clusters = response_clusters(observation_spec.response)

        def counts(name: str):
            return BoundedTensorSpec([num_clusters], tf.float32, 0.0, tf.float32.max, name)

        return ClickStatistics(counts("impression_count"), counts("click_count"))

    def statistics(self, memory: ClickCounts):
        return ClickStatistics(memory.impressions / self._unit, memory.clicks / self._unit)

    def update(self, memory: ClickCounts, observation: Observation):
        return update_counts(memory, observation.response)
