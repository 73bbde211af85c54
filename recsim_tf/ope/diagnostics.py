# SPDX-License-Identifier: Apache-2.0
"""Diagnostics of importance weights: warnings against estimates that are not to be believed."""

from typing import NamedTuple

import numpy as np

from recsim_tf.support.means import Mean
from recsim_tf.support.tails import pareto_k

# Above this k-hat the mean of the weights converges too slowly. The bound is lower for few sessions
# (Vehtari et al. 2024).
HIGHEST_K = 0.7
FEWEST = 25  # sessions, also effective ones
# Bounds for products of weights over steps. Beyond them the intervals contain the truth too rarely,
# and lie below it (benchmarks/verdicts.py).
FEWEST_OF_PRODUCTS, HIGHEST_K_OF_PRODUCTS = 200, 0.5
# A mean weight below 1 says nothing of propensities where the k-hat is higher: it is mostly below 1
# then, with too small an error (benchmarks/verdicts.py).
_HIGHEST_K_BELOW_1 = 0.3
# With fewer effective sessions the interval of a gain contains the truth too rarely.
_FEWEST_EARNING = 30
# The probability of a false alarm for right propensities, over all steps and positions.
_FALSE_ALARM = 0.0027
_ROUNDING = 1e-5


class WeightDiagnostics(NamedTuple):
    """Diagnostics of the weights of S sessions, at the step and position with the smallest
    effective sample size.
    """

    effective_sample_size: float  # (sum of weights)^2 / sum of squares, in sessions
    pareto_k: float  # tail index of the largest weights; NaN where too few differ
    mean: float  # mean weight: 1 up to noise, if the propensities are right
    mean_error: float  # standard error of the mean weight
    largest_share: float  # share of the heaviest session in the sum of all weights
    sessions_of_half: int  # the fewest sessions that carry half of the weight
    shares: np.ndarray  # float64 [S]: cumulative shares of the weight, the heaviest session first
    num_steps: int  # T, the number of steps over which weights are multiplied
    # The mean weight, its standard error and its step, if a mean weight is so far from 1 that the
    # propensities are wrong; else ().
    wrong: tuple = ()

    @classmethod
    def of(cls, weights: np.ndarray, num_steps: int = 1) -> "WeightDiagnostics":
        """The diagnostics of weights [S, T J] at T steps and J positions."""
        weights = np.asarray(weights, np.float64)
        squares = np.maximum((weights**2).sum(0), np.finfo(np.float64).tiny)
        sizes = weights.sum(0) ** 2 / squares
        worst = weights[:, np.argmin(sizes)]
        # Weights of the pseudo-inverse may be negative.
        ordered = np.sort(np.abs(worst))[::-1]
        shares = np.cumsum(ordered) / max(ordered.sum(), np.finfo(np.float64).tiny)
        return cls(
            effective_sample_size=float(sizes.min()),
            pareto_k=pareto_k(ordered),
            mean=float(worst.mean()),
            mean_error=float(worst.std(ddof=1) / np.sqrt(len(worst))),
            largest_share=float(shares[0]),
            sessions_of_half=int(np.searchsorted(shares, 0.5)) + 1,
            shares=shares,
            num_steps=num_steps,
            wrong=_wrong_mean(weights, num_steps),
        )

    def figures(self) -> dict[str, float]:
        """All fields but `shares`, by name."""
        return {name: value for name, value in self._asdict().items() if name != "shares"}

    @property
    def highest_k(self) -> float:
        """The largest k-hat with which the mean of S sessions can be believed."""
        return min(HIGHEST_K, 1 - 1 / np.log10(max(len(self.shares), 11)))

    def warning_of_few_effective_sessions(self) -> str:
        """A warning that too few sessions decide the estimate; "" if enough of them count."""
        if self.mean == 0:
            return "the policy would have shown the slates of no logged session"
        if self.effective_sample_size < FEWEST or self.pareto_k > self.highest_k:
            return self._half_weight
        return ""

    @property
    def _half_weight(self) -> str:
        """The number of sessions that carry half of the weight, in words."""
        k = "" if np.isnan(self.pareto_k) else f" (k-hat {self.pareto_k:.1f})"
        carry = "carries" if self.sessions_of_half == 1 else "carry"
        half = f"{self.sessions_of_half} of {len(self.shares):,} sessions {carry} half"
        return f"{half} of the weight{k}"

    def warning_of_narrow_intervals(self) -> str:
        """A warning that the interval of products of weights may be too narrow; "" if it is not."""
        if self.num_steps == 1 or (
            self.effective_sample_size >= FEWEST_OF_PRODUCTS
            and not self.pareto_k > HIGHEST_K_OF_PRODUCTS
        ):
            return ""
        return (
            f"{self._half_weight}, and in sessions of several steps such intervals are too narrow"
        )

    def warning_of_wrong_propensities(self) -> str:
        """A warning that the propensities are wrong; "" if the mean weights are 1 up to noise."""
        if not self.wrong:
            return ""
        mean, error, step = self.wrong
        excess = mean - 1
        never = f" or {-excess:.0%} of the policy's slates were never logged" if excess < 0 else ""
        where = f" at step {step}" if self.num_steps > 1 else ""
        return (
            f"the mean weight{where} is {mean:.2f} \N{PLUS-MINUS SIGN} {error:.2f}, so the"
            f" propensities are wrong{never}"
        )


def _wrong_mean(weights: np.ndarray, num_steps: int) -> tuple:
    """The mean weight that is the most standard errors from 1, with its error and its step. The
    result is () if noise can explain the distance of every mean (Bonferroni). Means of heavy-tailed
    weights are left out: they are mostly below 1, even if the propensities are right.
    """
    means = weights.mean(0)
    errors = weights.std(0, ddof=1) / np.sqrt(len(weights))
    distances = np.abs(means - 1) - _ROUNDING
    tiny = np.finfo(np.float64).tiny
    z_scores = np.where(distances > 0, distances / np.maximum(errors, tiny), 0.0)
    _, bound = Mean(0.0, 1.0).interval(1 - _FALSE_ALARM / weights.shape[1])
    for place in np.argsort(-z_scores):
        if not z_scores[place] > bound:
            return ()
        highest_k = HIGHEST_K_OF_PRODUCTS if means[place] > 1 else _HIGHEST_K_BELOW_1
        if not pareto_k(weights[:, place]) > highest_k:
            step = int(place) // (weights.shape[1] // num_steps)
            return float(means[place]), float(errors[place]), step
    return ()


def warning_of_few_earning_sessions(sessions: np.ndarray) -> str:
    """A warning that few sessions decide the mean of session values [S]; "" if enough do."""
    sizes = np.abs(sessions)
    squares = (sizes**2).sum()
    effective_size = sizes.sum() ** 2 / squares if squares else 0.0
    if effective_size >= _FEWEST_EARNING:
        return ""
    return f"the returns of {effective_size:.0f} of {len(sessions):,} sessions decide the estimate"
