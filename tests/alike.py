# SPDX-License-Identifier: Apache-2.0
"""Nests that are alike, also in each mode of execution, and draws that are as probable as said."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core.runs.execution import compiled


def assert_equal(one: Any, other: Any) -> None:
    """Requires the same structure, and the same arrays in it."""
    tf.nest.map_structure(np.testing.assert_array_equal, one, other)


def assert_close(one: Any, other: Any, **tolerance: float) -> None:
    """Requires as many leaves: floats to the tolerance, others the same."""
    for leaf, like in zip(*map(tf.nest.flatten, (one, other)), strict=True):
        if np.asarray(leaf).dtype.kind in "biu":
            np.testing.assert_array_equal(leaf, like)
        else:
            np.testing.assert_allclose(leaf, like, **tolerance)


def assert_modes_agree(function: Callable, *arguments: Any, **tolerance: float) -> None:
    """Requires the same of a function in eager mode, in graph mode and under XLA."""
    expected = function(*arguments)
    for jit_compile in (False, True):
        found = compiled(function, jit_compile=jit_compile)(*arguments)
        assert_close(found, expected, **tolerance)


def assert_mean(samples: Any, expected: Any, num_standard_errors: float = 4.0) -> None:
    """Requires the mean over the first axis within standard errors."""
    samples = np.asarray(samples, np.float64)
    error = samples.std(axis=0) / np.sqrt(len(samples))
    difference = np.abs(samples.mean(axis=0) - expected)
    assert (difference <= num_standard_errors * error + 1e-12).all()


def assert_shares(found: Any, probs: Any, number: int, num_standard_errors: float = 4.0) -> None:
    """Requires shares of so many draws within standard errors of their probabilities; what is
    impossible never occurs.
    """
    probs = np.asarray(probs, np.float64)
    error = np.sqrt(np.maximum(probs * (1 - probs), 0) / number)
    assert (np.abs(np.asarray(found) - probs) <= num_standard_errors * error + 1e-7).all()
