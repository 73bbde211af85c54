# SPDX-License-Identifier: Apache-2.0
"""Exponential races: the places of arrivals, and the first arrivals.

A Plackett-Luce distribution is such a race. Candidate i arrives after an exponential time of rate
exp(logits[i]), and the slate holds the first K candidates in their order. A sum of probabilities
over very many slates is an integral over the logarithm of time, by the trapezoid rule. The
integrands are smooth and fall off fast at both ends, so a step of 0.35 gives nine digits.
"""

import math

import tensorflow as tf

_STEP = 0.35
# Rates sum to one, so the probability of an arrival before time e^-24 is 4e-11.
_FIRST = -24.0
# Exponential survival is e^-40 where a hazard is 40, so larger ratios of rates do not matter.
_MANY = 40.0
# Nodes that are computed at once.
_BLOCK = 32
# The limits of exponents: the exponential of a larger number means survival with probability zero.
_LARGEST, _SMALLEST = 50.0, -700.0


def place_probs(log_rates: tf.Tensor, num_places: int) -> tf.Tensor:
    """The probability that each candidate arrives at each of the first places.

    The number of other candidates who have arrived by a time has a Poisson-binomial distribution.
    Its generating function is a product with a factor for each of them.

    Args:
      log_rates: float64 [M, N], -inf for candidates who never arrive.
      num_places: K, at most N.

    Returns:
      float64 [M, K, N]. Errors are below 1e-8. A place that no candidate can reach has probability
      zero for all of them.
    """
    order = tf.argsort(log_rates, axis=-1, direction="DESCENDING")
    log_rates = _closer(tf.gather(log_rates, order, batch_dims=1))
    # The rate of the candidates that are left is at least the rate of the slowest.
    slowest = tf.reduce_min(tf.where(log_rates > -math.inf, log_rates, 0.0), axis=-1)
    left = tf.reduce_logsumexp(log_rates[:, num_places - 1 :], axis=-1)
    end = math.log(_MANY) - tf.reduce_min(tf.maximum(slowest, left))
    longest = -_FIRST + math.log(_MANY * log_rates.shape[-1]) + _MANY * num_places

    def add(block: tf.Tensor, total: tf.Tensor):
        nodes = tf.range(_BLOCK, dtype=tf.float64) + tf.cast(block * _BLOCK, tf.float64)
        log_time = (_FIRST + _STEP * nodes)[:, tf.newaxis]
        hazard = tf.exp(tf.minimum(log_time + log_rates[:, tf.newaxis], _LARGEST))
        survival = tf.exp(-hazard)
        others = _products_of_others([survival, -tf.math.expm1(-hazard)], num_places)
        density = _STEP * hazard * survival
        sums = [tf.reduce_sum(density * number, axis=1) for number in others]
        return block + 1, total + tf.stack(sums, axis=1)

    zeros = tf.zeros([tf.shape(log_rates)[0], num_places, log_rates.shape[-1]], tf.float64)
    _, probs = tf.while_loop(
        lambda block, _: _FIRST + _STEP * _BLOCK * tf.cast(block, tf.float64) < end,
        add,
        (0, zeros),
        maximum_iterations=math.ceil(longest / (_STEP * _BLOCK)),
    )
    ranks = tf.argsort(order, axis=-1)
    return tf.gather(probs, tf.repeat(ranks[:, tf.newaxis], num_places, 1), batch_dims=2)


def set_log_prob(log_rates: tf.Tensor, shown: tf.Tensor, log_rate_of_others: tf.Tensor):
    """The log-probability that some candidates arrive before all others, in any order.

    Args:
      log_rates: float64 [..., K], the logarithms of the rates of these candidates.
      shown: bool [..., K], False where there is no candidate.
      log_rate_of_others: float64 [...], the logarithm of the sum of all other rates; -inf if there
        are none.

    Returns:
      float64 [...].
    """
    alone = log_rate_of_others == -math.inf
    relative = (
        log_rates
        - tf.where(alone, tf.zeros_like(log_rate_of_others), log_rate_of_others)[..., tf.newaxis]
    )
    # The unit of time is the mean time until the first of the other candidates arrives.
    log_time = tf.range(_FIRST, math.log(2 * _MANY), _STEP, tf.float64)
    exponent = relative[..., tf.newaxis, :] + log_time[:, tf.newaxis]
    hazard = tf.exp(tf.clip_by_value(exponent, _SMALLEST, _LARGEST))
    arrived = tf.math.log(-tf.math.expm1(-hazard))
    before = tf.reduce_sum(tf.where(shown[..., tf.newaxis, :], arrived, 0.0), axis=-1)
    density = log_time - tf.exp(log_time) + math.log(_STEP)
    return tf.where(alone, tf.zeros([], tf.float64), tf.reduce_logsumexp(before + density, axis=-1))


def _closer(log_rates: tf.Tensor) -> tf.Tensor:
    """Descending log-rates [M, N], normalised, whose neighbours differ by at most 40."""
    gaps = log_rates[:, :-1] - log_rates[:, 1:]
    arrives = log_rates > -math.inf
    gaps = tf.where(arrives[:, 1:], tf.minimum(gaps, _MANY), 0.0)
    below = tf.concat([tf.zeros_like(log_rates[:, :1]), tf.cumsum(gaps, axis=-1)], axis=-1)
    return tf.nn.log_softmax(tf.where(arrives, -below, -math.inf))


def _products_of_others(factors: list[tf.Tensor], length: int) -> list[tf.Tensor]:
    """The product of all other polynomials for each of N polynomials, by a binary tree of products.

    Args:
      factors: coefficients of the polynomials, each [M, Q, N].
      length: the largest number of coefficients of the products.

    Returns:
      Coefficients, each [M, Q, N].
    """
    number = factors[0].shape[-1]
    if number == 1:
        return [tf.ones_like(factors[0])]
    is_odd = number % 2
    if is_odd:
        last = [[0, 0], [0, 0], [0, 1]]
        factors = [
            tf.pad(factor, last, constant_values=float(power == 0))
            for power, factor in enumerate(factors)
        ]
    shape = [-1, factors[0].shape[1], (number + is_odd) // 2, 2]
    pairs = [tf.reshape(factor, shape) for factor in factors]
    left, right = ([pair[..., side] for pair in pairs] for side in (0, 1))
    both = _product(left, right, length)
    around = [factor[..., tf.newaxis] for factor in _products_of_others(both, length)]
    products = _product(around, [tf.reverse(pair, [-1]) for pair in pairs], length)
    flat = [-1, shape[1], number + is_odd]
    return [tf.reshape(factor, flat)[..., :number] for factor in products]


def _product(left: list[tf.Tensor], right: list[tf.Tensor], length: int) -> list[tf.Tensor]:
    """The first coefficients of the product of two polynomials."""
    return [
        tf.add_n(
            [
                left[power] * right[total - power]
                for power in range(len(left))
                if 0 <= total - power < len(right)
            ]
        )
        for total in range(min(length, len(left) + len(right) - 1))
    ]
