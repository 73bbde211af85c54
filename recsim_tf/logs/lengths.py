# SPDX-License-Identifier: Apache-2.0
"""Groups of sessions of similar lengths, which need little padding."""

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.types import Nest
from recsim_tf.logs.log import Log

# Ratio of padded steps to steps below which a further group does not pay for its compilation.
_GOOD_RATIO = 1.5
# Padded steps that a further group must save. Fits compute them in the time of a compilation.
_LEAST_SAVING = 10_000
# Number of lengths at which sessions may be divided. Other lengths count as the next larger one.
_MOST_EDGES = 128


def groups_by_length(length: np.ndarray, most: int = 8) -> list[np.ndarray]:
    """Positions of sessions in at most `most` groups, each to be padded to its longest session.

    The number of groups is the smallest that keeps the padded steps below 1.5 times the steps, or
    the smallest from which a further group saves less than 10,000 padded steps.

    Args:
      length: int [S], steps of each session, at least 1.
      most: the largest number of groups, at least 1.

    Returns:
      Arrays of positions in [0, S), each in order; groups of shorter sessions come first.
    """
    edges = np.unique(length)
    if len(edges) > _MOST_EDGES:
        # Edges grow by the same factor.
        wanted = np.geomspace(edges[0], edges[-1], _MOST_EDGES)
        edges = np.unique(edges[np.searchsorted(edges, wanted * (1 - 1e-9))])
    counts = np.bincount(np.searchsorted(edges, length), minlength=len(edges))
    groups, padded = np.zeros(len(length), int), len(length) * int(edges[-1])
    for ends in _best_ends(edges, counts, most):
        if padded <= _GOOD_RATIO * length.sum():
            break
        refined = np.searchsorted(edges[ends], length)
        saved = padded - int(edges[ends][refined].sum())
        if saved < _LEAST_SAVING:
            break
        groups, padded = refined, padded - saved
    return [np.flatnonzero(groups == number) for number in range(groups.max() + 1)]


def _best_ends(edges: np.ndarray, counts: np.ndarray, most: int) -> Iterator[list[int]]:
    """The edges of 2, 3, ... groups with the fewest padded steps, by dynamic programming."""
    number = len(edges)
    total = np.concatenate([[0], np.cumsum(counts)])
    # Entry [i, j] is the number of padded steps of a group of the edges i to j.
    cost = (total[np.newaxis, 1:] - total[:-1, np.newaxis]) * edges[np.newaxis].astype(np.float64)
    cost[np.tril_indices(number, -1)] = np.inf
    best = cost[0]  # fewest padded steps of the edges up to j, in the groups so far
    starts: list[np.ndarray] = []  # first edge of the last group, by its last edge
    for _ in range(1, min(most, number)):
        # Entry [i, j] is the cost of the edges up to j if the last group begins at i.
        joined = np.append(np.inf, best[:-1])[:, np.newaxis] + cost
        starts.append(joined.argmin(axis=0))
        best = joined.min(axis=0)
        ends = [number - 1]
        for start in reversed(starts):
            ends.append(start[ends[-1]] - 1)
        yield ends[::-1]


def by_length(log: Log, function: Callable[[Log], Nest]) -> Nest:
    """Results of a function for all sessions, a nest of arrays [S, T, ...].

    The function is called for sessions of similar lengths, and returns a nest of [S', T', ...].
    Steps beyond T' get zeros.
    """
    groups = groups_by_length(log.length)
    if len(groups) == 1:
        return function(log)
    parts = [function(log.take(group)) for group in groups]

    def together(*leaves: np.ndarray) -> np.ndarray:
        shape = (log.num_sessions, log.max_length, *leaves[0].shape[2:])
        whole = np.zeros(shape, leaves[0].dtype)
        for group, leaf in zip(groups, leaves, strict=True):
            whole[group, : leaf.shape[1]] = leaf
        return whole

    return tf.nest.map_structure(together, *parts)
