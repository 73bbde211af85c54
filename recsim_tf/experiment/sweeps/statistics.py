"""The estimate of a variant over its seeds: one number and an interval."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

_CONFIDENCE = 0.95
_RESAMPLES = 2000
# Fewer seeds have no quarter to cut off at each end.
_LEAST_FOR_QUARTILES = 4

MEAN_OF_SESSIONS = "one seed"
MEAN = "mean"
INTERQUARTILE_MEAN = "IQM"
# In words, for a table's notes.
METHODS = {
    MEAN_OF_SESSIONS: (
        "the mean of one seed's sessions, ± 1.96 standard errors: it says nothing about other seeds"
    ),
    MEAN: "the mean over seeds, with Student's t interval of 95%",
    INTERQUARTILE_MEAN: (
        "the interquartile mean over seeds, with a percentile-bootstrap interval of 95% (Agarwal et"
        " al. 2021)"
    ),
}


class IntervalEstimate(NamedTuple):
    """A number, its 95% interval, and how they were found, of `METHODS`."""

    value: float
    low: float
    high: float
    method: str


def interval_estimate(
    values: Sequence[float], standard_errors: Sequence[float]
) -> IntervalEstimate:
    """The expected value of a seed.

    From four seeds on it is the interquartile mean with a percentile bootstrap over seeds, as
    Agarwal et al. 2021 (arXiv 2108.13264) recommend for few seeds; with two or three the mean with
    Student's t interval.

    Args:
      values: of at least one seed.
      standard_errors: of the values, from the sessions of each evaluation; taken where there is one
        seed only.
    """
    sample = np.asarray(values, np.float64)
    if len(sample) < _LEAST_FOR_QUARTILES:
        mean = sample.mean()
        if len(sample) == 1:
            method = MEAN_OF_SESSIONS
            margin = stats.norm.ppf((1 + _CONFIDENCE) / 2) * standard_errors[0]
        else:
            method = MEAN
            margin = stats.t.ppf((1 + _CONFIDENCE) / 2, len(sample) - 1) * stats.sem(sample)
        return IntervalEstimate(float(mean), float(mean - margin), float(mean + margin), method)
    interval = stats.bootstrap(
        (sample,),
        _interquartile_mean,
        n_resamples=_RESAMPLES,
        confidence_level=_CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return IntervalEstimate(
        float(_interquartile_mean(sample)),
        float(interval.low),
        float(interval.high),
        INTERQUARTILE_MEAN,
    )


def _interquartile_mean(sample: np.ndarray, axis: int = -1) -> np.ndarray:
    return stats.trim_mean(sample, 0.25, axis=axis)
