# SPDX-License-Identifier: Apache-2.0
"""Values of slates and questions under a belief.

A belief is a set of particles: weights [B, P] that sum to one, utilities [B, P, N] of candidates to
each particle, and log-probabilities [B, Q, P, R] of the R replies to each of Q possible turns. The
R replies are those that the turn admits, so their probabilities sum to one. All functions are pure
and differentiable, and run under XLA.
"""

import tensorflow as tf

from recsim_tf.core.base import validation

# Relative difference below which values count as equal, so that eager mode, graphs and XLA choose
# the same candidate.
_TIE = 1e-6


def expected_utility(weights: tf.Tensor, utilities: tf.Tensor) -> tf.Tensor:
    """The expected utility of each candidate, [B, N]."""
    return tf.matmul(weights[:, tf.newaxis], utilities)[:, 0]


def expected_max(weights: tf.Tensor, utilities: tf.Tensor) -> tf.Tensor:
    """The expected utility of the best document of a set, [B, ...]. The documents of sets have the
    utilities [B, P, ..., K].

    It is also the value of the noiseless choice from the set as a query, unless another set is
    better after the answer (Viappiani & Boutilier 2010, "Optimal Bayesian recommendation sets and
    myopically optimal choice query sets", NIPS).
    """
    best = tf.reduce_max(utilities, axis=-1)
    for _ in range(best.shape.rank - 2):
        weights = weights[..., tf.newaxis]
    return tf.reduce_sum(weights * best, axis=1)


def recommendation_set(weights: tf.Tensor, utilities: tf.Tensor, slate_size: int) -> tf.Tensor:
    """The set of candidates whose best candidate has the largest expected utility. It is built
    greedily: int32 [B, K], in the order in which candidates are added.

    Each step adds the candidate that raises `expected_max` most. The gain is submodular, so the
    greedy set gains at least 63 % of the best possible (Nemhauser et al. 1978). Without noise the
    optimal set is also the optimal choice query (Viappiani & Boutilier 2010). Among candidates that
    are equal within 1e-6 of the value, the first is added.

    Args:
      weights: [B, P].
      utilities: [B, P, N].
      slate_size: size of the set K, in [1, N].

    Raises:
      ValueError: if slate_size is out of range.
    """
    num_candidates = utilities.shape[-1]
    validation.check_slate_size(slate_size, num_candidates)
    values = expected_utility(weights, utilities)
    used = tf.zeros_like(values, tf.bool)
    best, slate = None, []
    for _ in range(slate_size):
        if best is not None:
            gain = tf.nn.relu(utilities - best[:, :, tf.newaxis])
            values = expected_utility(weights, gain)
        chosen = _first_best(tf.where(used, -float("inf"), values))
        used |= tf.one_hot(chosen, num_candidates, on_value=True, off_value=False)
        chosen_utilities = tf.gather(utilities, chosen, axis=2, batch_dims=1)
        best = chosen_utilities if best is None else tf.maximum(best, chosen_utilities)
        slate.append(chosen)
    return tf.stack(slate, axis=1)


def evoi(weights: tf.Tensor, utilities: tf.Tensor, log_probs: tf.Tensor) -> tf.Tensor:
    """The expected value of the information in the reply to each turn, [B, Q], at least 0:

        sum_r max_x sum_p w_p P(r | q, p) U_px - max_x sum_p w_p U_px

    (Chajewska et al. 2000, "Making rational decisions using adaptive utility elicitation", AAAI).
    It has the unit of the utilities: a question is worth asking if the value exceeds its cost. The
    maximum is over the N candidates that may be recommended afterwards. If these are many, passing
    the plausible ones alone, such as the best by expected utility, takes less time.
    """
    _, num_turns, num_particles, num_replies = log_probs.shape
    joint = weights[:, tf.newaxis, :, tf.newaxis] * tf.exp(log_probs)
    joint = tf.reshape(
        tf.transpose(joint, [0, 1, 3, 2]), [-1, num_turns * num_replies, num_particles]
    )
    values = tf.matmul(joint, utilities)
    # The same candidate is valued without the reply: rounding could make a difference negative.
    now = tf.argmax(expected_utility(weights, utilities), axis=1, output_type=tf.int32)
    gained = tf.reduce_max(values, axis=2) - tf.gather(values, now, axis=2, batch_dims=1)
    return tf.reduce_sum(tf.reshape(gained, [-1, num_turns, num_replies]), axis=2)


def predictive_entropy(weights: tf.Tensor, log_probs: tf.Tensor) -> tf.Tensor:
    """The entropy of the reply to each turn, in nats, [B, Q]."""
    probs = tf.reduce_sum(weights[:, tf.newaxis, :, tf.newaxis] * tf.exp(log_probs), axis=2)
    return -tf.reduce_sum(tf.math.xlogy(probs, probs), axis=2)


def information_gain(weights: tf.Tensor, log_probs: tf.Tensor) -> tf.Tensor:
    """The mutual information of the user and the reply to each turn, in nats, [B, Q]."""
    possible = log_probs > -float("inf")
    negative_entropy = tf.reduce_sum(tf.exp(log_probs) * tf.where(possible, log_probs, 0), axis=3)
    noise = -tf.reduce_sum(weights[:, tf.newaxis] * negative_entropy, axis=2)
    return tf.nn.relu(predictive_entropy(weights, log_probs) - noise)


def _first_best(values: tf.Tensor) -> tf.Tensor:
    """The position of the first of the largest values [B, N], int32 [B]."""
    best = tf.reduce_max(values, axis=1, keepdims=True)
    near = values >= best - _TIE * tf.abs(best)
    return tf.argmax(tf.cast(near, tf.int32), axis=1, output_type=tf.int32)
