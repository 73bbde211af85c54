"""Means over steps, whose errors come from sessions: the steps of one session are not
independent.
"""

from typing import NamedTuple

import numpy as np


class Mean(NamedTuple):
    """A mean over steps."""

    value: float
    standard_error: float  # between sessions; NaN for one session, or where the mean is not finite


def mean_by_session(values: np.ndarray, counted: np.ndarray) -> Mean:
    """The mean of what is counted, with a standard error that is robust to dependence within
    sessions.

    The mean is a ratio of sums over sessions, and its error that of a ratio estimator (Cochran
    1977, "Sampling Techniques", equation 6.13).

    Args:
      values: float [S, ...].
      counted: bool [S, ...], somewhere true.
    """
    axes = tuple(range(1, values.ndim))
    count = counted.sum()
    mean = float(np.sum(values, where=counted, dtype=np.float64) / count)
    num_sessions = len(values)
    if num_sessions < 2 or not np.isfinite(mean):
        return Mean(mean, float("nan"))
    residuals = np.sum(values - mean, axis=axes, where=counted, dtype=np.float64)
    return Mean(
        mean, float(np.sqrt(num_sessions / (num_sessions - 1) * np.sum(residuals**2)) / count)
    )
