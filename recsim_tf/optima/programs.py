# SPDX-License-Identifier: Apache-2.0
"""Parts of dynamic programs: grids, transitions between their points, and the best slates."""

import numpy as np

# The relative change at which Dinkelbach's iteration, which converges superlinearly, ends.
_CONVERGED = 1e-9


def best_of(values: np.ndarray, number: int) -> np.ndarray:
    """The mean of the largest of `number` independent values.

    Args:
      values: [..., M], equally likely values.
      number: how many are drawn.
    """
    num_values = values.shape[-1]
    below = (np.arange(num_values + 1) / num_values) ** number
    return np.sort(values, axis=-1) @ np.diff(below)


def interpolation(grid: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The matrix [P, G] that maps a table [G] over a grid to its linear interpolation at points
    [P]. Points outside the grid are moved to its ends.
    """
    points = np.clip(points, grid[0], grid[-1])
    right = np.clip(np.searchsorted(grid, points), 1, len(grid) - 1)
    weight = (points - grid[right - 1]) / (grid[right] - grid[right - 1])
    matrix = np.zeros([len(points), len(grid)])
    rows = np.arange(len(points))
    matrix[rows, right - 1] = 1 - weight
    matrix[rows, right] = weight
    return matrix


def noisy_interpolation(grid: np.ndarray, points: np.ndarray, stddev: float) -> np.ndarray:
    """The matrix [P, G] that maps a table [G] to its mean at points [P] plus normal noise, by
    Gauss-Hermite quadrature with five nodes.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    weights /= weights.sum()
    at_nodes = [interpolation(grid, points + stddev * node) for node in nodes]
    return np.tensordot(weights, at_nodes, axes=1)


def midpoints(number: int) -> np.ndarray:
    """The midpoints of equal parts of [0, 1]."""
    return (np.arange(number) + 0.5) / number


def best_slates(
    weights: np.ndarray,
    values: np.ndarray,
    no_click_weight: float,
    without: np.ndarray,
    slate_size: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The best slates int32 [P, K], padded with -1, and their values [P], by Dinkelbach's iteration
    for fractional programs. Unlike `policies.slates.exact_slate` it leaves positions empty where
    that is better.

    Args:
      weights: the choice weights of documents, [P, N].
      values: the values of choices, [P, N].
      no_click_weight: the choice weight of no choice.
      without: the values of no choice, [P].
      slate_size: K.
    """
    best = without
    while True:
        gained = weights * (values - best[:, np.newaxis])
        slate = np.argpartition(-gained, slate_size - 1, axis=1)[:, :slate_size]
        top = np.maximum(np.take_along_axis(gained, slate, axis=1), 0)
        shown = np.take_along_axis(weights, slate, axis=1) * (top > 0)
        gain = top.sum(axis=1) + no_click_weight * (without - best)
        better = np.maximum(best, best + gain / (shown.sum(axis=1) + no_click_weight))
        if (better <= best + _CONVERGED * (1 + np.abs(best))).all():
            # Documents come first in a slate, and empty positions last.
            slate = np.where(top > 0, slate, -1)
            order = np.argsort(-top, axis=1, kind="stable")
            return np.take_along_axis(slate, order, axis=1).astype(np.int32), better
        best = better
