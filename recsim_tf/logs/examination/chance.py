# SPDX-License-Identifier: Apache-2.0
"""Tests that the checks share: means beside their expectation, and counts over time."""

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

# The probability of a false alarm of a check, over all its comparisons.
FALSE_ALARM = 0.0027
# Standard errors by which a fault is missed in a fifth of logs.
_POWER = 0.84


def bound(comparisons: int) -> float:
    """The standard errors beyond which the largest of several means is off by more than chance."""
    normal = tfp.distributions.Normal(np.float64(0), np.float64(1))
    return float(normal.quantile(1 - FALSE_ALARM / 2 / max(comparisons, 1)))


def chi_squared_p_value(total: float, degrees: int) -> float:
    """The probability that a chi-squared variable is larger than `total`."""
    return float(tfp.distributions.Chi2(np.float64(degrees)).survival_function(total))


def visible(standard_error: float, comparisons: int = 1) -> float:
    """The size of an effect that is seen in four of five logs."""
    return (bound(comparisons) + _POWER) * standard_error


def at_least(hits: np.ndarray, number: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """The probabilities of so many hits or more among `number` independent events."""
    first, second = (np.asarray(each, np.float64) for each in (hits, number - hits + 1))
    return tf.math.betainc(first, second, np.asarray(probability, np.float64)).numpy()


def trends(
    cells: np.ndarray, time: np.ndarray, hits: np.ndarray, fewest: int = 10
) -> tuple[float, int]:
    """Looks for a linear trend of hits over time in each cell.

    Args:
      cells: int [n], the cell of an event.
      time: float [n].
      hits: bool or float [n].
      fewest: the events from which a cell counts.

    Returns:
      The p-value of the chi-squared test over the cells, 1 without any; and the number of cells.
    """
    _, cells, counts = np.unique(cells, return_inverse=True, return_counts=True)

    def centred(values: np.ndarray) -> np.ndarray:
        return values - (np.bincount(cells, values) / counts)[cells]

    times, hits = centred(time.astype(np.float64)), centred(hits.astype(np.float64))
    variances = np.bincount(cells, times**2) * np.bincount(cells, hits**2)
    is_used = (counts >= fewest) & (variances > 0)
    number = int(is_used.sum())
    if not number:
        return 1.0, 0
    squares = np.bincount(cells, times * hits)[is_used] ** 2 / variances[is_used]
    return chi_squared_p_value(float((squares * (counts[is_used] - 1)).sum()), number), number


def shares_differ(cells: np.ndarray, is_late: np.ndarray, fewest: int = 20) -> tuple[float, int]:
    """Compares the shares of cells early and late by the chi-squared test of homogeneity.

    Args:
      cells: int [n], the cell of an event.
      is_late: bool [n].
      fewest: the events from which a cell counts.

    Returns:
      The p-value, 1 where fewer than two cells count; and the number of cells that count.
    """
    _, cells, counts = np.unique(cells, return_inverse=True, return_counts=True)
    counts_late = np.bincount(cells, is_late.astype(np.float64))
    is_large = counts >= fewest
    number = int(is_large.sum())
    if number < 2:
        return 1.0, number
    counts, counts_late = counts[is_large], counts_late[is_large]
    rate = counts_late.sum() / counts.sum()
    if not 0 < rate < 1:
        return 1.0, number
    total = float(((counts_late - counts * rate) ** 2 / (counts * rate * (1 - rate))).sum())
    return chi_squared_p_value(total, number - 1), number
