"""What a belief says of the candidates and of the replies to turns, and policies that keep a belief
about each user.
"""

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
from recsim_tf.core.base import validation
from recsim_tf.core.base.types import Nest, Observation, Slate, Turn
from recsim_tf.core.models.explanations import Explanation
from recsim_tf.core.simulator import Simulator
from recsim_tf.policies.policy_model import PolicyModel


class CandidateBelief(NamedTuple):
    """A belief about B users and the candidates that they may be shown. P particles, N
    candidates.
    """

    documents: Item  # [B, N, ...]: the candidates
    state: UserState  # [B, P, ...]
    weights: tf.Tensor  # [B, P]
    utilities: tf.Tensor  # [B, P, N]

    @classmethod
    def of(cls, particles: Particles, documents: Item) -> "CandidateBelief":
        """What particles believe of candidates [B, N, ...]."""
        state, weights = particles
        utilities = documents.bias[:, tf.newaxis] + tf.matmul(
            state.taste, documents.factors, transpose_b=True
        )
        return cls(documents, state, weights, utilities)

    @property
    def num_users(self) -> int | tf.Tensor:
        """B."""
        return nests.num_rows(self.weights)

    @property
    def num_candidates(self) -> int:
        """N."""
        return self.utilities.shape[-1]

    @property
    def means(self) -> tf.Tensor:
        """[B, N]: expected utilities of the candidates."""
        return expected_utility(self.weights, self.utilities)

    @property
    def stddevs(self) -> tf.Tensor:
        """[B, N]: standard deviations of the utilities of the candidates."""
        deviations = self.utilities - self.means[:, tf.newaxis]
        return tf.sqrt(expected_utility(self.weights, deviations**2))

    @property
    def gap(self) -> tf.Tensor:
        """[B]: what knowing the taste would add to the utility of the best candidate."""
        best = tf.reduce_max(self.means, axis=-1)
        return tf.nn.relu(expected_max(self.weights, self.utilities) - best)

    def best(self, slate_size: int) -> tf.Tensor:
        """int32 [B, K]: the candidates of the largest expected utilities."""
        return tf.math.top_k(self.means, slate_size).indices

    def best_set(self, slate_size: int) -> tf.Tensor:
        """int32 [B, K]: see `recommendation_set`."""
        return recommendation_set(self.weights, self.utilities, slate_size)

    def reply_log_probs(
        self, users: ConversationUsers, turns: Turn, modes: Sequence[int]
    ) -> tf.Tensor:
        """[B, Q, P, R]: log-probabilities of the replies in some modes to each of Q turns.

        Args:
          users: the user model.
          turns: [B, Q, ...]; the slates are int32 [B, Q, K].
          modes: those that the turns admit.
        """
        _, num_turns, slate_size = turns.slate.shape
        num_users, num_particles = self.num_users, self.weights.shape[1]
        positions = tf.reshape(tf.maximum(turns.slate, 0), [num_users, num_turns * slate_size])
        documents = tf.nest.map_structure(
            lambda leaf: tf.reshape(leaf, [num_users, num_turns, slate_size, *leaf.shape[2:]]),
            nests.take(self.documents, positions),
        )

        def of_turns(leaf: tf.Tensor):
            """[B, Q, ...] for each particle, [B * Q * P, ...]."""
            leaf = tf.reshape(leaf, [num_users * num_turns, *leaf.shape[2:]])
            return tf.repeat(leaf, num_particles, axis=0)

        def of_particles(leaf: tf.Tensor):
            """[B, P, ...] for each turn, [B * Q * P, ...]."""
            leaf = tf.repeat(leaf[:, tf.newaxis], num_turns, axis=1)
            return tf.reshape(leaf, [-1, *leaf.shape[3:]])

        slate = Slate(
            tf.nest.map_structure(of_turns, documents),
            of_turns(turns.slate) >= 0,
            Query(*map(of_turns, turns.query)),
        )
        state = tf.nest.map_structure(of_particles, self.state)
        log_probs = users.alternatives(state, slate).log_probs_of(modes)
        return tf.reshape(log_probs, [num_users, num_turns, num_particles, log_probs.shape[-1]])


class Tracker:
    """Follows a belief from observations alone: the response says what was shown and asked.

    Args:
      simulator: of conversations.
      belief: about its users, or about others, such as users fitted to a log; None for a
        `GaussianBelief` of 128 particles.

    Raises:
      ValueError: for another environment, or something else than a belief.
    """

    def __init__(self, simulator: Simulator, belief: Belief | None = None):
        check_conversation(simulator)
        self.belief = GaussianBelief(simulator.users) if belief is None else belief
        validation.check_type("belief", self.belief, Belief)
        self._documents: Items = simulator.documents

    def initial_state(self, num_users: int) -> Nest:
        """The prior."""
        return self.belief.initial_state(num_users)

    def update(self, belief_state: Nest, observation: Observation) -> Nest:
        """The belief after the last turn; the same where there was none yet."""
        seen = observation.response
        items = self._documents.describe(tf.maximum(seen.item_id, 0), ())
        # Zeros stand for no turn, which is one of silence, with an empty slate.
        some = (seen.act > 0)[:, tf.newaxis]
        shown = Slate(items, (seen.item_id >= 0) & some, Query(seen.act, seen.attributes))
        return self.belief.update(belief_state, shown, seen)

    def candidates(self, belief_state: Nest, observation: Observation) -> CandidateBelief:
        """What the belief says of the candidates."""
        return CandidateBelief.of(self.belief.particles(belief_state), observation.documents)


class BelievingPolicy(PolicyModel, abc.ABC):
    """A policy whose state is a belief.

    Args:
      simulator: of conversations.
      belief: None for a `GaussianBelief` about the users of the simulator.

    Raises:
      ValueError: for another environment, or something else than a belief.
    """

    simulator: Simulator
    belief: Belief | None = dataclasses.field(default=None, kw_only=True)

    def check(self):
        self.tracker.initial_state(1)

    @functools.cached_property
    def tracker(self) -> Tracker:
        """Follows the belief."""
        return Tracker(self.simulator, self.belief)

    def initial_state(self, num_users: int) -> Nest:
        """The prior."""
        return self.tracker.initial_state(num_users)

    def __call__(
        self, observation: Observation, policy_state: Nest, seed: random.Seed
    ) -> tuple[Turn, Nest]:
        """A turn, and the belief with what was seen of the last one."""
        belief_state = self.tracker.update(policy_state, observation)
        return self.choose(self.tracker.candidates(belief_state, observation), seed), belief_state

    @abc.abstractmethod
    def choose(self, believed: CandidateBelief, seed: random.Seed) -> Turn:
        """The turn [B, ...] to take."""

    def explain(
        self, observation: Observation, policy_state: Nest, seed: random.Seed
    ) -> Explanation:
        """What the belief says of the candidates, and of the turns that the policy weighs."""
        belief_state = self.tracker.update(policy_state, observation)
        believed = self.tracker.candidates(belief_state, observation)
        return self.alternatives(believed, seed)._replace(
            candidates={"expected utility": believed.means, "± of it": believed.stddevs},
            user={"to be gained by knowing": believed.gap},
        )

    def alternatives(self, believed: CandidateBelief, seed: random.Seed) -> Explanation:
        """The turns that the policy weighs, and their values; by default none."""
        return Explanation()


def plain_turn(simulator: Simulator, act: int, slate: tf.Tensor) -> Turn:
    """A turn of an environment without attributes, of a slate int32 [B, k] with k <= slate_size."""
    missing = simulator.slate_size - slate.shape[1]
    slate = tf.pad(slate, [[0, 0], [0, missing]], constant_values=-1)
    num_chips = simulator.query_spec.attributes.shape[0]
    return Turn(slate, query(int(act), num_chips=num_chips, num_users=nests.num_rows(slate)))


def check_conversation(simulator: Simulator) -> None:
    """Raises `ValueError` for a simulator of something else than conversations."""
    users = simulator.users if isinstance(simulator, Simulator) else simulator
    if not isinstance(users, ConversationUsers):
        raise ValueError(
            "simulator must be of Conversation-v0, whose users are ConversationUsers, got"
            f" {type(users).__name__}"
        )
