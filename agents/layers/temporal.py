# SPDX-License-Identifier: Apache-2.0
"""Layers for users who change slowly, which hold a turn, or charge a cost for a change of turn.

Both amplify the advantage of a better slate over the noise of a step (Mladenov et al. 2019, arXiv
1905.13559).
"""

from typing import NamedTuple

import tensorflow as tf

from recsim_tf.agents.layers.layer import Layer, or_zeros
from recsim_tf.core import nests
from recsim_tf.core.base.arguments import Count, Fraction, NotNegative, configurable
from recsim_tf.core.base.types import Nest, Observation, Turn
from recsim_tf.core.step.session_source import SessionSource
from recsim_tf.core.step.turns import ActionFormat
from recsim_tf.policies.fields import UserWithLastSlate


class HeldSlate(NamedTuple):
    slate: tf.Tensor  # int32 [B, K]
    # Number of steps for which the slate was shown, int32 [B]; 0 at the start of a session, and
    # when the next slate is due.
    age: tf.Tensor
    query: Nest = ()  # the query beside the slate, nest of [B, ...]


@configurable(module="recsim_tf.agents")
class TemporalAggregation(Layer):
    """The agent chooses every `aggregation_period` steps, and its slate and query are held in
    between, as in RecSim's temporal aggregation layer.

    A decision earns sum_i gamma^i r_i over the n steps for which it is held; n is less than the
    period if the session ends before. The discount of a decision is gamma^(n - 1). The agent
    multiplies it by its own gamma, which must be the same discount of a step.

    Args:
      aggregation_period: number of steps of a decision, at least 1.
      gamma: discount of a step, in [0, 1].

    Raises:
      ValueError: for a number out of range; with a simulator without `resample_documents=False`.
    """

    def __init__(self, aggregation_period: Count, gamma: Fraction = 1.0):
        self.steps_per_decision = aggregation_period
        self.gamma = gamma

    def check(self, simulator: SessionSource):
        if self.steps_per_decision > 1 and simulator.resample_documents:
            raise ValueError(
                "temporal aggregation holds slates, so the simulator must have"
                " resample_documents=False, got True"
            )

    def memory_spec(self, observation_spec: Observation, actions: ActionFormat):
        slate = tf.TensorSpec([actions.slate_size], tf.int32)
        return HeldSlate(slate, tf.TensorSpec([], tf.int32), actions.query_spec)

    def act(self, memory: HeldSlate, observation: Observation, action: Nest):
        held = Turn(memory.slate, memory.query)
        turn = nests.where(memory.age > 0, held, Turn.of(action))
        age = (memory.age + 1) % self.steps_per_decision
        return HeldSlate(turn.slate, age, turn.query), turn.action


class LastSlate(NamedTuple):
    documents: Nest  # nest of [B, K, ...]
    started: tf.Tensor  # bool [B]
    query: Nest = ()  # nest of [B, ...]


@configurable(module="recsim_tf.agents")
class SwitchingCost(Layer):
    """Subtracts a cost from the agent's reward whenever its slate differs from its last slate,
    which is added to its observation.

    Slates differ if the documents at any position differ, or the queries beside them. Floats differ
    if their distance is above 1e-4 (RecSim 0.2.4). At the start of a session the first K candidates
    count as the last slate, and zeros as its query. The cost only shapes learning: evaluations
    report the environment's own rewards.

    Args:
      switching_cost: cost in units of reward, at least 0.

    Raises:
      ValueError: for a negative cost.
    """

    def __init__(self, switching_cost: NotNegative = 1.0):
        self._cost = switching_cost

    def memory_spec(self, observation_spec: Observation, actions: ActionFormat):
        documents, query = _last_specs(observation_spec, actions)
        return LastSlate(documents, tf.TensorSpec([], tf.bool), query)

    def observation_spec(self, observation_spec: Observation, actions: ActionFormat):
        last = _last_specs(observation_spec, actions)
        return observation_spec._replace(user=UserWithLastSlate(observation_spec.user, *last))

    def update(self, memory: LastSlate, observation: Observation):
        slate_size = tf.nest.flatten(memory.documents)[0].shape[1]
        first = tf.nest.map_structure(lambda leaf: leaf[:, :slate_size], observation.documents)
        return LastSlate(
            nests.where(memory.started, memory.documents, first),
            tf.ones_like(memory.started),
            memory.query,
        )

    def augment(self, memory: LastSlate, observation: Observation):
        user = UserWithLastSlate(observation.user, memory.documents, memory.query)
        return observation._replace(user=user)

    def act(self, memory: LastSlate, observation: Observation, action: Nest):
        turn = Turn.of(action)
        documents = _documents_of(observation, turn.slate)
        return memory._replace(documents=documents, query=turn.query), action

    def cost(self, memory: LastSlate, observation: Observation, action: Nest):
        def differs(last: tf.Tensor, following: tf.Tensor):
            if last.dtype.is_floating:
                same = tf.abs(last - following) <= 1e-4
            else:
                same = last == following
            return tf.logical_not(tf.reduce_all(same, axis=list(range(1, same.shape.rank))))

        turn = Turn.of(action)
        last = memory.documents, memory.query
        following = _documents_of(observation, turn.slate), turn.query
        leaves = tf.nest.flatten(tf.nest.map_structure(differs, last, following))
        switched = tf.reduce_any(tf.stack(leaves), axis=0)
        return self._cost * tf.cast(switched, tf.float32)


def _last_specs(observation_spec: Observation, actions: ActionFormat):
    """Specs of the documents of a slate, and of a query."""

    def with_slate_size(spec: tf.TensorSpec):
        return or_zeros(spec, [actions.slate_size, *spec.shape[1:]])

    documents = tf.nest.map_structure(with_slate_size, observation_spec.documents)
    return documents, tf.nest.map_structure(
        lambda spec: or_zeros(spec, spec.shape), actions.query_spec
    )


def _documents_of(observation: Observation, slate: tf.Tensor):
    """The observed documents [B, K, ...] of a slate, zeros at empty positions."""

    def blank_empty(leaf: tf.Tensor):
        shown = tf.reshape(slate >= 0, [-1, slate.shape[1], *[1] * (leaf.shape.rank - 2)])
        return tf.where(shown, leaf, tf.zeros([], leaf.dtype))

    return tf.nest.map_structure(
        blank_empty, nests.take(observation.documents, tf.maximum(slate, 0))
    )
