"""Sessions of similar lengths together, so that little is computed for steps that they lack."""

import numpy as np

# Padded steps for each step at which no further shape is worth its compilation.
_GOOD = 1.25
# Lengths at which sessions may be divided; between them lengths count as the next larger one.
_MOST_EDGES = 128


def groups_by_length(length: np.ndarray, most: int = 8) -> list[np.ndarray]:
    """Positions of sessions in at most so many groups, each to be padded to its longest session.
    There are as few groups as keep the padded steps below 1.25 times the steps, or else the groups
    with the fewest padded steps.

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
    for ends in _best_ends(edges, counts, most):
        group = np.searchsorted(edges[ends], length)
        if edges[ends][group].sum() <= _GOOD * length.sum():
            break
    return [np.flatnonzero(group == number) for number in range(len(ends))]


def _best_ends(edges: np.ndarray, counts: np.ndarray, most: int):
    """For 1, 2, ... groups, the numbers of the edges at which groups end so that the padded steps
    are fewest, by dynamic programming.
    """
    number = len(edges)
    total = np.concatenate([[0], np.cumsum(counts)])
    # [i, j]: padded steps of a group of the edges i to j.
    cost = (total[np.newaxis, 1:] - total[:-1, np.newaxis]) * edges[np.newaxis].astype(np.float64)
    cost[np.tril_indices(number, -1)] = np.inf
    best, starts = cost[0], []  # of the edges up to j, in the groups so far
    yield [number - 1]
    for groups in range(2, min(most, number) + 1):
        # [i, j]: the last group begins at i.
        joined = np.append(np.inf, best[:-1])[:, np.newaxis] + cost
        starts.append(joined.argmin(axis=0))
        best = joined.min(axis=0)
        ends, end = [], number - 1
        for start in reversed(starts):
            ends.append(end)
            end = start[end] - 1
        yield [end, *reversed(ends)]
        del groups
