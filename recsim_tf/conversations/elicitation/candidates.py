"""What a belief says of the candidates, and of the replies to turns."""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from recsim_tf.belief import Particles, expected_max, expected_utility, recommendation_set
from recsim_tf.conversations.types import Item, Query, UserState
from recsim_tf.conversations.users import ConversationUsers
from recsim_tf.core import nests
from recsim_tf.core.types import Slate, Turn


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
