"""Whether an estimate is to be believed: what importance weights tell of themselves."""

from typing import NamedTuple

import numpy as np

# Above it the mean of so heavy-tailed weights converges too slowly (Vehtari et al. 2024).
HIGHEST_K = 0.7
FEWEST = 25  # sessions, also effective ones
_FEWEST_OF_TAIL = 5
# Standard errors of the mean weight from 1, beyond which propensities are wrong.
_ERRORS = 3.0
_WIDE = 0.2
_ROUNDING = 1e-5
# The word for a difference that a model tells, which is off.
WITH_CARE = "with care"


class WeightDiagnostics(NamedTuple):
    """Of the weights of S sessions, at the step and position where fewest of them count."""

    effective_sample_size: float  # (sum of weights)^2 / sum of squares, in sessions
    pareto_k: float  # tail index of the largest weights; NaN where too few differ
    mean: float  # 1 up to noise, if the propensities are right
    mean_error: float  # its standard error
    largest_share: float  # of all weight, of one session
    sessions_of_half: int  # the fewest sessions that carry half of the weight
    shares: np.ndarray  # float64 [S], of all weight, of the heaviest sessions together

    @classmethod
    def of(cls, weights: np.ndarray) -> "WeightDiagnostics":
        """Of weights [S, M], at several steps and positions."""
        weights = np.asarray(weights, np.float64)
        squares = np.maximum((weights**2).sum(0), np.finfo(np.float64).tiny)
        sizes = weights.sum(0) ** 2 / squares
        worst = weights[:, np.argmin(sizes)]
        # Those of the pseudo-inverse may be negative.
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
        )

    def figures(self) -> dict[str, float]:
        """All but the shares."""
        return {name: value for name, value in self._asdict().items() if name != "shares"}

    def heaviness(self, num_sessions: int) -> str:
        """Why too few of the sessions count; "" if enough do."""
        if self.mean == 0:
            return "the policy would have shown the slates of no logged session"
        if self.effective_sample_size < FEWEST or self.pareto_k > HIGHEST_K:
            k = "" if np.isnan(self.pareto_k) else f" (k-hat {self.pareto_k:.1f})"
            carry = "carries" if self.sessions_of_half == 1 else "carry"
            half = f"{self.sessions_of_half} of {num_sessions:,} sessions {carry} half"
            return f"{half} of the weight{k}"
        return ""

    def bias(self) -> str:
        """Why the weights do not lead from one policy to the other; "" if they do."""
        off = self.mean - 1
        if abs(off) > _ERRORS * self.mean_error + _ROUNDING:
            never = f" or {-off:.0%} of the policy's slates were never logged" if off < 0 else ""
            return (
                f"the mean weight is {self.mean:.2f} \N{PLUS-MINUS SIGN} {self.mean_error:.2f}, so"
                f" the propensities are wrong{never}"
            )
        return ""


class Verdict(NamedTuple):
    """Whether an estimate is to be believed, and why not."""

    word: str  # "believable", "with care", "wide" or "not believable"
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.word}: {self.reason}" if self.reason else self.word

    @property
    def is_believable(self) -> bool:
        """Whether the interval means what it says, be it wide or not."""
        return self.word != "not believable"

    def with_care(self, off: str) -> "Verdict":
        """Of a difference that a model tells, which is seen to be off."""
        reason = f"{off}, and its difference of both policies may be, which no interval tells"
        if self.reason:
            return Verdict(self.word, f"{self.reason}; {reason}")
        return Verdict(WITH_CARE, reason)

    @classmethod
    def of(cls, value: float, half_width: float, *faults: str) -> "Verdict":
        """The first of the faults, or how wide the interval is."""
        for fault in filter(None, faults):
            return cls("not believable", fault)
        if not half_width <= _WIDE * abs(value):
            part = half_width / abs(value) if value else np.inf
            return cls("wide", f"the interval is the estimate \N{PLUS-MINUS SIGN} {part:.0%}")
        return cls("believable")


def pareto_k(weights: np.ndarray) -> float:
    """The shape of the generalised Pareto distribution that the largest of S weights follow, by
    Zhang & Stephens 2009 with the prior of Vehtari et al. 2024; NaN where too few differ, or where
    the largest one recurs, which is a bound and no tail.

    Args:
      weights: float [S], not negative.
    """
    ordered = np.sort(np.asarray(weights, np.float64))
    length = int(min(len(ordered) / 5, 3 * np.sqrt(len(ordered))))
    if length < _FEWEST_OF_TAIL or not ordered[-1] > 0:
        return np.nan
    if ordered[-_FEWEST_OF_TAIL] > ordered[-1] * (1 - _ROUNDING):
        return np.nan
    tail = ordered[-length:] / ordered[-1]
    excess = tail - ordered[-length - 1] / ordered[-1]
    excess = excess[excess > _ROUNDING]
    number = len(excess)
    if number < _FEWEST_OF_TAIL:
        return np.nan
    # The estimate is a mean over a grid of the scale's parameter, with a prior of Zhang & Stephens.
    grid = 1 - np.sqrt(
        (30 + int(np.sqrt(number))) / (np.arange(1, 31 + int(np.sqrt(number))) - 0.5)
    )
    grid = grid / (3 * excess[int(number / 4 + 0.5) - 1]) + 1 / excess[-1]
    shapes = np.log1p(-grid[:, np.newaxis] * excess).mean(1)
    log_likelihood = number * (np.log(-grid / shapes) - shapes - 1)
    posterior = np.exp(log_likelihood - log_likelihood.max())
    scale = (grid * posterior).sum() / posterior.sum()
    shape = np.log1p(-scale * excess).mean()
    return float((number * shape + 10 * 0.5) / (number + 10))
