# SPDX-License-Identifier: Apache-2.0
"""Hashes of rows of arrays, by which equal rows are found."""

from collections.abc import Sequence

import numpy as np

# The multipliers of SplitMix64 (Steele, Lea & Flood 2014).
_FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)


def row_hashes(leaves: Sequence[np.ndarray], num_rows: int) -> np.ndarray:
    """A hash of each row of arrays [R, ...], uint64 [R].

    Equal rows have equal hashes. Other rows have equal hashes with a probability of about 2^-63.
    Zeros at the end of a row of an array change nothing, so that padding does not count.
    """
    total = np.zeros(num_rows, np.uint64)
    for number, leaf in enumerate(leaves):
        rng = np.random.default_rng(number)
        size = leaf.size // max(num_rows, 1) * leaf.itemsize
        padded = np.zeros([num_rows, -(-size // 4) * 4], np.uint8)
        padded[:, :size] = np.ascontiguousarray(leaf).reshape(num_rows, -1).view(np.uint8)
        for word in padded.view(np.uint32).T:
            odd = rng.integers(2**63, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
            total += _mixed(word.astype(np.uint64)) * odd
        total = _mixed(total)
    return total


def _mixed(words: np.ndarray) -> np.ndarray:
    """A one-to-one map of uint64 that spreads each bit, and keeps 0."""
    words = words * _FIRST
    words ^= words >> np.uint64(32)
    words *= _SECOND
    words ^= words >> np.uint64(29)
    return words
