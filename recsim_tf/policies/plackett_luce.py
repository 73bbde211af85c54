"""The policy whose return is differentiated: slates drawn from a Plackett-Luce distribution, or
turns.
"""

from collections.abc import Callable

import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.distributions import IndependentParts, PlackettLuce, parts_of
from recsim_tf.core.explanations import Explanation
from recsim_tf.core.types import Nest, Observation


class PlackettLucePolicy:
    """A rollout policy without a state that draws slates, or turns, and knows their
    log-probabilities.

        policy = PlackettLucePolicy.of_network(SlatePolicyNetwork(observation_spec, slate_size))

    Args:
      distribution: maps an observation to the `PlackettLuce` [B] of its slates, or to the
        `IndependentParts` [B] of a `Turn`. Parameters live in it.
    """

    def __init__(self, distribution: Callable[[Observation], PlackettLuce | IndependentParts]):
        self.distribution = distribution

    @classmethod
    def of_logits(
        cls, item_logits: Callable[[Observation], tf.Tensor], slate_size: int
    ) -> "PlackettLucePolicy":
        """The policy of a function that maps an observation to logits [B, N] of the candidates."""
        return cls(lambda observation: PlackettLuce(item_logits(observation), slate_size))

    @classmethod
    def of_network(cls, network) -> "PlackettLucePolicy":
        """The policy of a network that gives (distribution [B], state), as `SlatePolicyNetwork` or
        `TurnPolicyNetwork`: the one that REINFORCE trains.
        """
        return cls(lambda observation: network(observation)[0])

    def __call__(self, observation: Observation, policy_state: Nest, seed) -> tuple[Nest, Nest]:
        """A slate int32 [B, K] or a turn, and the policy state as it was."""
        return random.sample(self.distribution(observation), seed), policy_state

    def likeliest(self, observation: Observation, policy_state: Nest, seed) -> tuple[Nest, Nest]:
        """A rollout policy that gives the likeliest slates or turns."""
        del seed
        return self.distribution(observation).mode(), policy_state

    def log_prob(self, observation: Observation, action: Nest) -> tf.Tensor:
        """[B]: the log-probability of a slate int32 [B, K], or of a turn."""
        return self.distribution(observation).log_prob(action)

    def explain(self, observation: Observation, policy_state: Nest, seed) -> Explanation:
        """The probability of each candidate to be shown first, and its logit."""
        del policy_state, seed
        distribution = tf.nest.flatten(parts_of(self.distribution(observation)))[0]
        logits = distribution.logits
        if distribution.mask is not None:
            logits = tf.where(distribution.mask, logits, tf.constant(-float("inf"), logits.dtype))
        return Explanation(candidates={"P(first)": tf.nn.softmax(logits), "logit": logits})
