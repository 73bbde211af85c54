# SPDX-License-Identifier: Apache-2.0
"""Beliefs about candidates and replies to turns, and policies that keep one about each user."""

import abc
import dataclasses
import functools
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from recsim_tf.belief import (
    Belief,
    GaussianBelief,
    expected_max,
    expected_utility,
    recommendation_set,
)
from recsim_tf.belief.base import Particles
from recsim_tf.conversations.acts import query
from recsim_tf.conversations.documents import Items
from recsim_tf.conversations.types import Item, Query, UserState
from recsim_tf.conversations.users import ConversationUsers
from recsim_tf.core import nests, random
from recsim_tf.core.base.arguments import checked, require
from recsim_tf.core.base.types import Nest, Observation, Slate, Turn
from recsim_tf.core.models.explanations import Explanation
from recsim_tf.core.models.models import UserModel
from recsim_tf.core.simulator import Simulator
from recsim_tf.policies.policy_model import PolicyModel


class CandidateBelief(NamedTuple):
    """A belief about B users and N candidates, with P particles."""

    documents: Item  # [B, N, ...], the candidates
    state: UserState  # [B, P, ...]
    weights: tf.Tensor  # [B, P]
    utilities: tf.Tensor  # [B, P, N]

    @classmethod
    def of(cls, particles: Particles, documents: Item) -> "CandidateBelief":
        """The belief of particles about candidates [B, N, ...]."""
        state, weights = particles
        utilities = documents.bias[:, tf.newaxis] + tf.matmul(
            state.taste, documents.factors, transpose_b=True
        )
        return cls(documents, state, weights, utilities)

    @property
    def num_users(self) -> int | tf.Tensor:
        """The number of users, B."""
        return nests.num_rows(self.weights)

    @property
    def num_candidates(self) -> int:
        """The number of candidates, N."""
        return self.utilities.shape[-1]

    @property
    def means(self) -> tf.Tensor:
        """The expected utilities of the candidates, [B, N]."""
        return expected_utility(self.weights, self.utilities)

    @property
    def stddevs(self) -> tf.Tensor:
        """The standard deviations of the utilities of the candidates, [B, N]."""
        deviations = self.utilities - self.means[:, tf.newaxis]
        return tf.sqrt(expected_utility(self.weights, deviations**2))

    @property
    def gap(self) -> tf.Tensor:
        """The value of perfect information, [B]: the gain of the best utility by knowing tastes."""
        best = tf.reduce_max(self.means, axis=-1)
        return tf.nn.relu(expected_max(self.weights, self.utilities) - best)

    def best(self, slate_size: int) -> tf.Tensor:
        """The candidates with the largest expected utilities, int32 [B, K]."""
        return tf.math.top_k(self.means, slate_size).indices

    def best_set(self, slate_size: int) -> tf.Tensor:
        """The best set of candidates, int32 [B, K], see `recommendation_set`."""
        return recommendation_set(self.weights, self.utilities, slate_size)

    def reply_log_probs(
        self, users: ConversationUsers, turns: Turn, modes: Sequence[int]
    ) -> tf.Tensor:
        """The log-probabilities of the replies in some modes to each of Q turns, [B, Q, P, R].

        Args:
          users: the user model.
          turns: [B, Q, ...]; the slates are int32 [B, Q, K].
          modes: the modes that the turns admit.
        """
        _, num_turns, slate_size = turns.slate.shape
        num_users, num_particles = self.num_users, self.weights.shape[1]
        positions = tf.reshape(tf.maximum(turns.slate, 0), [num_users, num_turns * slate_size])
        documents = tf.nest.map_structure(
            lambda leaf: tf.reshape(leaf, [num_users, num_turns, slate_size, *leaf.shape[2:]]),
            nests.take(self.documents, positions),
        )

        def for_each_particle(leaf: tf.Tensor):
            """A leaf [B, Q, ...] of turns, repeated for each particle, [B * Q * P, ...]."""
            leaf = tf.reshape(leaf, [num_users * num_turns, *leaf.shape[2:]])
            return tf.repeat(leaf, num_particles, axis=0)

        def for_each_turn(leaf: tf.Tensor):
            """A leaf [B, P, ...] of particles, repeated for each turn, [B * Q * P, ...]."""
            leaf = tf.repeat(leaf[:, tf.newaxis], num_turns, axis=1)
            return tf.reshape(leaf, [-1, *leaf.shape[3:]])

        slate = Slate(
            tf.nest.map_structure(for_each_particle, documents),
            for_each_particle(turns.slate) >= 0,
            Query(*map(for_each_particle, turns.query)),
        )
        state = tf.nest.map_structure(for_each_turn, self.state)
        log_probs = users.alternatives(state, slate).log_probs_of(modes)
        return tf.reshape(log_probs, [num_users, num_turns, num_particles, log_probs.shape[-1]])


class Tracker:
    """Updates a belief from observations alone, since the response contains the last turn.

    Args:
      simulator: a simulator of conversations.
      belief: a belief about its users, or about other users, such as users fitted to a log; None
        for a `GaussianBelief` of 128 particles.

    Raises:
      ValueError: for another environment, if `belief` is not a belief, or if it is about users with
        another number of attributes or factors.
    """

    @checked
    def __init__(self, simulator: Simulator, belief: Belief | None = None):
        check_conversation(simulator)
        self.belief = GaussianBelief(simulator.users) if belief is None else belief
        check_believed(self.belief.users, simulator)
        self._documents: Items = simulator.documents

    def initial_state(self, num_users: int) -> Nest:
        """The state of the prior."""
        return self.belief.initial_state(num_users)

    def update(self, belief_state: Nest, observation: Observation) -> Nest:
        """The belief after the last turn. Before the first turn it does not change."""
        seen = observation.response
        items = self._documents.describe(tf.maximum(seen.item_id, 0), ())
        # A response of zeros means that there was no turn: silence with an empty slate.
        had_turn = (seen.act > 0)[:, tf.newaxis]
        shown = Slate(items, (seen.item_id >= 0) & had_turn, Query(seen.act, seen.attributes))
        return self.belief.update(belief_state, shown, seen)

    def candidates(self, belief_state: Nest, observation: Observation) -> CandidateBelief:
        """The belief about the candidates of an observation."""
        return CandidateBelief.of(self.belief.particles(belief_state), observation.documents)


class BelievingPolicy(PolicyModel, abc.ABC):
    """A policy whose state is a belief.

    Args:
      simulator: a simulator of conversations.
      belief: a belief; None for a `GaussianBelief` about the users of the simulator.

    Raises:
      ValueError: for another environment, or for a belief that `Tracker` refuses.
    """

    simulator: Simulator
    belief: Belief | None = dataclasses.field(default=None, kw_only=True)

    def check(self):
        self.tracker.initial_state(1)

    @functools.cached_property
    def tracker(self) -> Tracker:
        """The tracker of the belief."""
        return Tracker(self.simulator, self.belief)

    def initial_state(self, num_users: int) -> Nest:
        """The state of the prior."""
        return self.tracker.initial_state(num_users)

    def __call__(
        self, observation: Observation, policy_state: Nest, seed: random.Seed
    ) -> tuple[Turn, Nest]:
        """A turn, and the belief after the last turn."""
        belief_state = self.tracker.update(policy_state, observation)
        return self.choose(self.tracker.candidates(belief_state, observation), seed), belief_state

    @abc.abstractmethod
    def choose(self, believed: CandidateBelief, seed: random.Seed) -> Turn:
        """The turn [B, ...] to take."""

    def explain(
        self, observation: Observation, policy_state: Nest, seed: random.Seed
    ) -> Explanation:
        """The belief about the candidates, and about the turns that the policy compares."""
        belief_state = self.tracker.update(policy_state, observation)
        believed = self.tracker.candidates(belief_state, observation)
        return self.alternatives(believed, seed)._replace(
            candidates={"expected utility": believed.means, "± of it": believed.stddevs},
            user={"to be gained by knowing": believed.gap},
        )

    def alternatives(self, believed: CandidateBelief, seed: random.Seed) -> Explanation:
        """The turns that the policy compares, and their values; by default none."""
        return Explanation()


def plain_turn(simulator: Simulator, act: int, slate: tf.Tensor) -> Turn:
    """A turn of an environment, with a slate int32 [B, k], k <= slate_size, and no attributes."""
    missing = simulator.slate_size - slate.shape[1]
    slate = tf.pad(slate, [[0, 0], [0, missing]], constant_values=-1)
    num_chips = simulator.query_spec.attributes.shape[0]
    return Turn(slate, query(int(act), num_chips=num_chips, num_users=nests.num_rows(slate)))


def check_conversation(simulator: Simulator) -> None:
    """Raises `ValueError` unless a simulator is one of conversations."""
    users = simulator.users if isinstance(simulator, Simulator) else simulator
    if not isinstance(users, ConversationUsers):
        raise ValueError(
            "simulator must be of Conversation-v0, whose users are ConversationUsers, got"
            f" {type(users).__name__}"
        )


def check_believed(users: UserModel, simulator: Simulator) -> None:
    """Raises `ValueError` unless the users of a belief have the sizes of a simulator's users."""
    require("users of the belief", users, ConversationUsers)
    for name in ("num_attributes", "num_factors"):
        required, given = getattr(simulator.users, name), getattr(users, name)
        if required != given:
            raise ValueError(
                f"users of the belief must have the {name}={required} of the simulator, got {given}"
            )
