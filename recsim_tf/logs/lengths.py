"""Sessions of similar lengths together, so that little is computed for steps that they lack."""

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.types import Nest
from recsim_tf.logs.log import Log

# Padded steps for each step at which no further shape is worth its compilation.
_GOOD = 1.5
# Padded steps that a further shape must save: fits compute them in the time of a compilation.
_WORTH = 10_000
# Lengths at which sessions may be divided; between them lengths count as the next larger one.
_MOST_EDGES = 128


def groups_by_length(length: np.ndarray, most: int = 8) -> list[np.ndarray]:
    """Positions of sessions in at most so many groups, each to be padded to its longest session.
    There are as few groups as keep the padded steps below 1.5 times the steps, or as few as no
    further one saves 10,000 padded steps.

    Args:
      length: int [S], steps of each session, at least 1.
      most: groups, at least 1.

    Returns:
      Arrays of positions in [0, S), each in order; groups of shorter sessions come first.
    """
    edges = np.unique(length)
    if len(edges) > _MOST_EDGES:
        # By the same factor from one to the next.
        wanted = np.geomspace(edges[0], edges[-1], _MOST_EDGES)
        edges = np.unique(edges[np.searchsorted(edges, wanted * (1 - 1e-9))])
    counts = np.bincount(np.searchsorted(edges, length), minlength=len(edges))
    groups, padded = np.zeros(len(length), int), len(length) * int(edges[-1])
    for ends in _best_ends(edges, counts, most):
        if padded <= _GOOD * length.sum():
            break
        refined = np.searchsorted(edges[ends], length)
        saved = padded - int(edges[ends][refined].sum())
        if saved < _WORTH:
            break
        groups, padded = refined, padded - saved
    return [np.flatnonzero(groups == number) for number in range(groups.max() + 1)]


def _best_ends(edges: np.ndarray, counts: np.ndarray, most: int) -> Iterator[list[int]]:
    """For 2, 3, ... groups, the numbers of the edges at which groups end so that the padded steps
    are fewest, by dynamic programming.
    """
    number = len(edges)
    total = np.concatenate([[0], np.cumsum(counts)])
    # [i, j]: padded steps of a group of the edges i to j.
    cost = (total[np.newaxis, 1:] - total[:-1, np.newaxis]) * edges[np.newaxis].astype(np.float64)
    cost[np.tril_indices(number, -1)] = np.inf
    best = cost[0]  # of the edges up to j, in the groups so far
    starts: list[np.ndarray] = []  # of the last group, by the last of the edges
    for _ in range(1, min(most, number)):
        # [i, j]: the last group begins at i.
        joined = np.append(np.inf, best[:-1])[:, np.newaxis] + cost
        starts.append(joined.argmin(axis=0))
        best = joined.min(axis=0)
        ends = [number - 1]
        for start in reversed(starts):
            ends.append(start[ends[-1]] - 1)
        yield ends[::-1]


def by_length(log: Log, function: Callable[[Log], Nest]) -> Nest:
    """A nest of arrays [S, T, ...] of all sessions, from a function of the sessions of similar
    lengths, which gives a nest of [S', T', ...]; zeros at the steps that these lack.
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
