"""Policies that keep a belief about each user."""

import abc
import dataclasses
import functools

import tensorflow as tf

from recsim_tf.belief import Belief, GaussianBelief
from recsim_tf.conversations.acts import query
from recsim_tf.conversations.documents import Items
from recsim_tf.conversations.elicitation.candidates import CandidateBelief
from recsim_tf.conversations.elicitation.turns import check_conversation
from recsim_tf.conversations.types import Query
from recsim_tf.core import nests, random, validation
from recsim_tf.core.explanations import Explanation
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Nest, Observation, Slate, Turn
from recsim_tf.policies.policy_model import PolicyModel


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
