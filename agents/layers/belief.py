# SPDX-License-Identifier: Apache-2.0
"""Layers of conversations: beliefs about the user, and turns as actions."""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from recsim_tf.agents.layers.layer import Layer
from recsim_tf.belief import Belief
from recsim_tf.conversations import Act
from recsim_tf.conversations.elicitation.believing import CandidateBelief, Tracker
from recsim_tf.conversations.elicitation.turns import CandidateTurns, TurnKind, take_turn
from recsim_tf.core import random
from recsim_tf.core.base.arguments import configurable
from recsim_tf.core.base.bounds import BoundedTensorSpec
from recsim_tf.core.base.types import Nest, Observation, Turn
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step.session_source import SessionSource
from recsim_tf.core.step.turns import ActionFormat
from recsim_tf.policies.fields import UserWithStatistics

# A layer draws the same pairs at each step, so that the turn that an agent chose is shown.
_TURNS_SEED = 0


class _BeliefMemory(Layer):
    """A layer whose memory is a belief."""

    def __init__(self, simulator: Simulator, belief: Belief | None = None):
        self._tracker = Tracker(simulator, belief)
        self._simulator = simulator

    def check(self, simulator: SessionSource) -> None:
        if not isinstance(simulator, Simulator):
            raise ValueError(
                "a layer with a belief must be the lowest, on a Simulator, got"
                f" {type(simulator).__name__}"
            )
        for difference in self._simulator.differences(simulator):
            raise ValueError(f"simulator of the layer must be the one below it: {difference}")

    def memory_spec(self, observation_spec: Observation, actions: ActionFormat) -> Nest:
        return tf.nest.map_structure(
            lambda leaf: tf.TensorSpec(leaf.shape[1:], leaf.dtype), self._tracker.initial_state(1)
        )

    def update(self, memory: Nest, observation: Observation) -> Nest:
        return self._tracker.update(memory, observation)


class BeliefStatistics(NamedTuple):
    """Statistics of a belief about B users."""

    mean: tf.Tensor  # [B, F], mean of the taste
    stddev: tf.Tensor  # [B, F], standard deviation of the taste
    best: tf.Tensor  # [B], expected utility of the best candidate
    gap: tf.Tensor  # [B], value of perfect information: the gain from a known taste


@configurable(module="recsim_tf.agents")
class BeliefLayer(_BeliefMemory):
    """Adds the belief about the user to the observation of the user, as `BeliefStatistics`.

    Args:
      simulator: the simulator of conversations below the layer.
      belief: the belief about its users; None for a `GaussianBelief` of 128 particles.

    Raises:
      ValueError: for another environment, or on top of another simulator.
    """

    def observation_spec(self, observation_spec: Observation, actions: ActionFormat):
        num_factors = self._simulator.users.num_factors
        statistics = BeliefStatistics(
            _number("mean", [num_factors]),
            _number("stddev", [num_factors], low=0.0),
            _number("best"),
            _number("gap", low=0.0),
        )
        return observation_spec._replace(user=UserWithStatistics(observation_spec.user, statistics))

    def augment(self, memory: Nest, observation: Observation):
        believed = self._tracker.candidates(memory, observation)
        weights = believed.weights[..., tf.newaxis]
        mean = tf.reduce_sum(weights * believed.state.taste, axis=1)
        variance = tf.reduce_sum(
            weights * (believed.state.taste - mean[:, tf.newaxis]) ** 2, axis=1
        )
        best = tf.reduce_max(believed.means, axis=-1)
        statistics = BeliefStatistics(mean, tf.sqrt(variance), best, believed.gap)
        return observation._replace(user=UserWithStatistics(observation.user, statistics))


class Standing(NamedTuple):
    """The state of a conversation, which an agent that chooses turns observes as the user."""

    best: tf.Tensor  # [B], expected utility of the best candidate
    gap: tf.Tensor  # [B], value of perfect information: the gain from a known taste
    turn: tf.Tensor  # [B], number of past turns, in tens
    last_act: tf.Tensor  # int32 [B], an `Act`


class Alternative(NamedTuple):
    """M alternative turns, which an agent that chooses turns observes as the documents."""

    index: tf.Tensor  # int32 [B, M], the number of the turn
    information: tf.Tensor  # [B, M], expected value of the information in the reply
    reward: tf.Tensor  # [B, M], expected immediate utility of the user


class TurnMemory(NamedTuple):
    belief: Nest  # nest of [B, ...]
    num_turns: tf.Tensor  # float32 [B]


@configurable(module="recsim_tf.agents")
class TurnLayer(_BeliefMemory):
    """Lets an agent choose among M turns. Its candidates are the turns, and its action is a slate
    of one turn. So agents that choose documents learn when to ask.

    The agent observes `Standing` as the user, `Alternative` as the documents, and the unchanged
    response. `FullSlateQAgent` above it is TF-Agents' DQN on M actions.

    Args:
      simulator: the simulator of conversations below the layer.
      kinds: the kinds of turns.
      belief: the belief about the users; None for a `GaussianBelief` of 128 particles.

    Raises:
      ValueError: for another environment, a kind that does not fit it, or on top of another
        simulator.
    """

    def __init__(
        self, simulator: Simulator, kinds: Sequence[TurnKind], belief: Belief | None = None
    ):
        super().__init__(simulator, belief)
        self._candidates = CandidateTurns(simulator, kinds, self._tracker.belief.users)

    @property
    def labels(self) -> list[str]:
        """Descriptions of the M turns, for people."""
        return self._candidates.labels

    def action_format(self, below: ActionFormat):
        return ActionFormat(slate_size=1, num_candidates=self._candidates.num_turns)

    def memory_spec(self, observation_spec: Observation, actions: ActionFormat):
        return TurnMemory(super().memory_spec(observation_spec, actions), _number("num_turns"))

    def observation_spec(self, observation_spec: Observation, actions: ActionFormat):
        num_turns = self._candidates.num_turns
        return observation_spec._replace(
            user=Standing(
                _number("best"),
                _number("gap", low=0.0),
                _number("turn", low=0.0),
                BoundedTensorSpec([], tf.int32, 0, len(Act) - 1, "last_act"),
            ),
            documents=Alternative(
                BoundedTensorSpec([num_turns], tf.int32, 0, num_turns - 1, "index"),
                _number("information", [num_turns]),
                _number("reward", [num_turns]),
            ),
        )

    def update(self, memory: TurnMemory, observation: Observation):
        had_turn = tf.cast(observation.response.act > 0, tf.float32)
        belief = super().update(memory.belief, observation)
        return TurnMemory(belief, memory.num_turns + had_turn)

    def augment(self, memory: TurnMemory, observation: Observation):
        believed = self._tracker.candidates(memory.belief, observation)
        turns = self._turns(believed)
        best = tf.reduce_max(believed.means, axis=-1)
        index = tf.tile(tf.range(self._candidates.num_turns)[tf.newaxis], [believed.num_users, 1])
        return observation._replace(
            user=Standing(best, believed.gap, memory.num_turns / 10, observation.response.act),
            documents=Alternative(
                index,
                self._candidates.information(believed, turns),
                self._candidates.rewards(believed, turns),
            ),
        )

    def act(self, memory: TurnMemory, observation: Observation, action: tf.Tensor):
        believed = self._tracker.candidates(memory.belief, observation)
        return memory, take_turn(self._turns(believed), action[:, 0])

    def _turns(self, believed: CandidateBelief) -> Turn:
        return self._candidates.turns(believed, random.as_seed(_TURNS_SEED))


def _number(name: str, shape: Sequence[int] = (), low: float | None = None) -> BoundedTensorSpec:
    dtype = tf.float32
    return BoundedTensorSpec(shape, dtype, dtype.min if low is None else low, dtype.max, name)
