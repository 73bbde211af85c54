# SPDX-License-Identifier: Apache-2.0
"""Multi-armed bandits as pure functions, which give an index for each arm of B users at once.

`pulls` and `rewards`, float [B, A], are the number of pulls of each arm and the sum of its rewards,
which are in [0, 1]. `total_pulls`, float [B], is the round t. Scores are [B, A], and the arm of the
largest score is to be pulled. `optimism_scaling` is o in the formulas, a number or [B, 1]. Each
algorithm raises a `ValueError` for fewer than two arms, and for pulls and rewards of different
shapes.

While a user has arms that were never pulled, `ucb1` and `kl_ucb` give these arms the score +inf and
all others 0, as in RecSim 0.2.4.
"""

from typing import Annotated, NamedTuple, Protocol, TypeAlias

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.base.arguments import OneOf, checked
from recsim_tf.core.base.ranges import Range
from recsim_tf.core.base.types import Seed

Scaling: TypeAlias = float | tf.Tensor


class BanditAlgorithm(Protocol):
    """(pulls [B, A], rewards [B, A], total_pulls [B], optimism_scaling, seed) -> scores [B, A]."""

    def __call__(
        self,
        pulls: tf.Tensor,
        rewards: tf.Tensor,
        total_pulls: tf.Tensor,
        optimism_scaling: Scaling = 1.0,
        seed: Seed | None = None,
    ) -> tf.Tensor: ...


def ucb1(
    pulls: tf.Tensor,
    rewards: tf.Tensor,
    total_pulls: tf.Tensor,
    optimism_scaling: Scaling = 1.0,
    seed: Seed | None = None,
) -> tf.Tensor:
    """The mean plus a confidence radius, r/n + o sqrt(2 ln t / n) (Auer, Cesa-Bianchi & Fischer
    2002, UCB1 with o = 1). The seed is not used.
    """
    _check_arms(pulls, rewards)
    safe_pulls = _at_least_one(pulls)
    radius = tf.sqrt(2.0 * _log_round(total_pulls)[:, tf.newaxis] / safe_pulls)
    return _unpulled_first(pulls, rewards / safe_pulls + optimism_scaling * radius)


def kl_ucb(
    pulls: tf.Tensor,
    rewards: tf.Tensor,
    total_pulls: tf.Tensor,
    optimism_scaling: Scaling = 1.0,
    seed: Seed | None = None,
) -> tf.Tensor:
    """The largest q in [p, 1] with KL(p, q) <= o^2 (ln t + 3 ln ln t) / n, p = r/n (Garivier &
    Cappe 2011, KL-UCB with c = 3; o = 1).

    KL is the divergence of Bernoulli distributions. Where the right side is not positive, as for t
    = 2, the score is p. The bisection runs down to the resolution of the dtype. RecSim 0.2.4 aims
    at the same number, but overwrites p during its search. The seed is not used.
    """
    _check_arms(pulls, rewards)
    safe_pulls = _at_least_one(pulls)
    mean = tf.clip_by_value(rewards / safe_pulls, 0.0, 1.0)
    log_round = _log_round(total_pulls)
    exploration = tf.maximum(log_round + 3.0 * tf.math.log(tf.maximum(log_round, 1e-6)), 0.0)
    bound = optimism_scaling**2 * exploration[:, tf.newaxis] / safe_pulls

    def halve(low: tf.Tensor, high: tf.Tensor):
        # The search is for q - p, whose divergence keeps its digits where q is close to p.
        middle = (low + high) / 2.0
        inside = _bernoulli_divergence(mean, middle) <= bound
        return tf.where(inside, middle, low), tf.where(inside, high, middle)

    interval = (tf.zeros_like(mean), 1.0 - mean)
    num_halvings = 53 if mean.dtype == tf.float64 else 24
    low, high = tf.while_loop(
        lambda *_: tf.constant(True), halve, interval, maximum_iterations=num_halvings
    )
    excess = tf.where(bound > 0, (low + high) / 2.0, 0.0)
    return _unpulled_first(pulls, mean + excess)


def thompson(
    pulls: tf.Tensor,
    rewards: tf.Tensor,
    total_pulls: tf.Tensor,
    optimism_scaling: Scaling = 1.0,
    seed: Seed | None = None,
) -> tf.Tensor:
    """A draw from each arm's posterior, Beta(1 + r/o^2, 1 + (n - r)/o^2) (Thompson 1933; Chapelle &
    Li 2011).

    Sums of fractional rewards are not changed. `bernoulli_rewards` makes rewards binary before they
    are summed, as RecSim 0.2.4 does.

    Args:
      pulls, rewards: see the module.
      total_pulls: not used.
      optimism_scaling: o; a larger number gives a wider posterior.
      seed: int32 [2], a new seed for every round.

    Returns:
      [B, A], in [0, 1].
    """
    _check_arms(pulls, rewards)
    return random.sample(thompson_posterior(pulls, rewards, optimism_scaling), random.as_seed(seed))


def thompson_posterior(
    pulls: tf.Tensor, rewards: tf.Tensor, optimism_scaling: Scaling = 1.0
) -> tfd.Beta:
    """The distribution of the draws of `thompson`, of batch shape [B, A]."""
    # The posterior of a scaling of 0 is a point, which is no Beta distribution.
    Range(above=0).check("optimism_scaling", optimism_scaling)
    scale = optimism_scaling**2
    return tfd.Beta(1.0 + rewards / scale, 1.0 + (pulls - rewards) / scale)


def bernoulli_rewards(rewards: tf.Tensor, seed: Seed) -> tf.Tensor:
    """Turns rewards in [0, 1], float of any shape, into draws of 0 or 1 with these means by a seed
    int32 [2] (Agrawal & Goyal 2012, Algorithm 2).
    """
    return random.sample(tfd.Bernoulli(probs=rewards, dtype=rewards.dtype), seed)


def _check_arms(pulls: tf.Tensor, rewards: tf.Tensor) -> None:
    if pulls.shape != rewards.shape:
        raise ValueError(
            f"rewards must have the shape of pulls, {pulls.shape}, got {rewards.shape}"
        )
    if pulls.shape[-1] is not None and pulls.shape[-1] < 2:
        raise ValueError(f"pulls must be of at least 2 arms, got {pulls.shape[-1]}")


def _at_least_one(pulls: tf.Tensor) -> tf.Tensor:
    """The pulls as divisors, with 1 for arms without pulls, which `_unpulled_first` scores."""
    return tf.where(pulls > 0, pulls, 1.0)


def _log_round(total_pulls: tf.Tensor) -> tf.Tensor:
    return tf.math.log(tf.maximum(total_pulls, 1.0))


def _bernoulli_divergence(mean: tf.Tensor, excess: tf.Tensor) -> tf.Tensor:
    """The divergence KL(Bernoulli(p) || Bernoulli(p + d)) for d in [0, 1 - p], with 0 log 0 = 0."""
    rest = 1.0 - mean
    gained = tf.math.xlog1py(mean, tf.math.divide_no_nan(excess, mean))
    return -gained - tf.math.xlog1py(rest, -tf.math.divide_no_nan(excess, rest))


def _unpulled_first(pulls: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    unpulled = pulls <= 0
    some_unpulled = tf.reduce_any(unpulled, axis=-1, keepdims=True)
    return tf.where(
        unpulled,
        tf.constant(float("inf"), scores.dtype),
        tf.where(some_unpulled, tf.zeros([], scores.dtype), scores),
    )


class Algorithm(NamedTuple):
    """A bandit algorithm and its title."""

    title: str  # the name in tables and plots
    scores: BanditAlgorithm


ALGORITHMS: dict[str, Algorithm] = {
    "ucb1": Algorithm("UCB1", ucb1),
    "kl_ucb": Algorithm("KL-UCB", kl_ucb),
    "thompson": Algorithm("Thompson sampling", thompson),
}


@checked
def bandit_algorithm(algorithm: Annotated[str, OneOf(ALGORITHMS)]) -> BanditAlgorithm:
    """The algorithm of that name: "ucb1", "kl_ucb" or "thompson"."""
    return ALGORITHMS[algorithm].scores
