# SPDX-License-Identifier: Apache-2.0
"""The heaviness of tails."""

import numpy as np

_FEWEST_OF_TAIL = 5  # numbers
_ROUNDING = 1e-5


def pareto_k(weights: np.ndarray) -> float:
    """The shape of the generalised Pareto distribution that the largest of S weights follow.

    The estimate is that of Zhang & Stephens 2009 with the prior of Vehtari et al. 2024. It is NaN
    where too few weights differ, or where the largest weight recurs: then the weights are bounded
    and have no tail.

    Args:
      weights: float [S], not negative.

    Raises:
      ValueError: for other weights.
    """
    given = np.asarray(weights)
    if given.ndim != 1 or given.dtype.kind not in "fiu" or (given < 0).any():
        raise ValueError(f"weights must be numbers [S] of at least 0, got {weights!r:.60}")
    ordered = np.sort(given.astype(np.float64))
    length = int(min(len(ordered) / 5, 3 * np.sqrt(len(ordered))))
    if length < _FEWEST_OF_TAIL or not ordered[-1] > 0:
        return np.nan
    if ordered[-_FEWEST_OF_TAIL] > ordered[-1] * (1 - _ROUNDING):
        return np.nan
    tail = ordered[-length:] / ordered[-1]
    excess = tail - ordered[-length - 1] / ordered[-1]
    excess = excess[excess > _ROUNDING]
    number = len(excess)
    if number < _FEWEST_OF_TAIL:
        return np.nan
    # The estimate is a mean over a grid of the scale parameter, with the prior of Zhang & Stephens.
    grid = 1 - np.sqrt(
        (30 + int(np.sqrt(number))) / (np.arange(1, 31 + int(np.sqrt(number))) - 0.5)
    )
    grid = grid / (3 * excess[int(number / 4 + 0.5) - 1]) + 1 / excess[-1]
    shapes = np.log1p(-grid[:, np.newaxis] * excess).mean(1)
    log_likelihood = number * (np.log(-grid / shapes) - shapes - 1)
    posterior = np.exp(log_likelihood - log_likelihood.max())
    scale = (grid * posterior).sum() / posterior.sum()
    shape = np.log1p(-scale * excess).mean()
    return float((number * shape + 10 * 0.5) / (number + 10))
