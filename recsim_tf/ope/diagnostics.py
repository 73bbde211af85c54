"""Whether an estimate is to be believed: what importance weights tell of themselves."""

from typing import NamedTuple

import numpy as np

from recsim_tf.support.means import Mean

# Above it the mean of so heavy-tailed weights converges too slowly; it is smaller for few sessions
# (Vehtari et al. 2024).
HIGHEST_K = 0.7
FEWEST = 25  # sessions, also effective ones
# For products of weights over steps: with less the intervals hold too rarely, and miss from below
# (benchmarks/verdicts.py).
FEWEST_OF_PRODUCTS, HIGHEST_K_OF_PRODUCTS = 200, 0.5
# Sessions that carry what a gain is made of: with fewer its interval holds too rarely.
_FEWEST_THAT_EARN = 30
_FEWEST_OF_TAIL = 5
# The probability to accuse right propensities, over all steps and positions.
_FALSE_ALARM = 0.0027
_ROUNDING = 1e-5


class WeightDiagnostics(NamedTuple):
    """Of the weights of S sessions, at the step and position where fewest of them count."""

    effective_sample_size: float  # (sum of weights)^2 / sum of squares, in sessions
    pareto_k: float  # tail index of the largest weights; NaN where too few differ
    mean: float  # 1 up to noise, if the propensities are right
    mean_error: float  # its standard error
    largest_share: float  # of all weight, of one session
    sessions_of_half: int  # the fewest sessions that carry half of the weight
    shares: np.ndarray  # float64 [S], of all weight, of the heaviest sessions together
    num_steps: int  # T, whose weights are multiplied
    # mean weight, its standard error and step, where it is so far from 1 that propensities are
    # wrong; () where no step and position is
    wrong: tuple = ()

    @classmethod
    def of(cls, weights: np.ndarray, num_steps: int = 1) -> "WeightDiagnostics":
        """Of weights [S, T J], at several steps and positions."""
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
            num_steps=num_steps,
            wrong=_wrong_mean(weights, num_steps),
        )

    def figures(self) -> dict[str, float]:
        """All but the shares."""
        return {name: value for name, value in self._asdict().items() if name != "shares"}

    @property
    def highest_k(self) -> float:
        """The largest k-hat with which the mean of so many sessions can be believed."""
        return min(HIGHEST_K, 1 - 1 / np.log10(max(len(self.shares), 11)))

    def heaviness(self) -> str:
        """Why too few of the sessions count; "" if enough do."""
        if self.mean == 0:
            return "the policy would have shown the slates of no logged session"
        if self.effective_sample_size < FEWEST or self.pareto_k > self.highest_k:
            return self._half
        return ""

    @property
    def _half(self) -> str:
        k = "" if np.isnan(self.pareto_k) else f" (k-hat {self.pareto_k:.1f})"
        carry = "carries" if self.sessions_of_half == 1 else "carry"
        half = f"{self.sessions_of_half} of {len(self.shares):,} sessions {carry} half"
        return f"{half} of the weight{k}"

    def care(self) -> str:
        """Why the interval of products of weights may hold too rarely; "" if it does not."""
        if self.num_steps == 1 or (
            self.effective_sample_size >= FEWEST_OF_PRODUCTS
            and not self.pareto_k > HIGHEST_K_OF_PRODUCTS
        ):
            return ""
        return f"{self._half}, and in sessions of several steps such intervals are too narrow"

    def bias(self) -> str:
        """Why the weights do not lead from one policy to the other; "" if they do."""
        if not self.wrong:
            return ""
        mean, error, step = self.wrong
        off = mean - 1
        never = f" or {-off:.0%} of the policy's slates were never logged" if off < 0 else ""
        where = f" at step {step}" if self.num_steps > 1 else ""
        return (
            f"the mean weight{where} is {mean:.2f} \N{PLUS-MINUS SIGN} {error:.2f}, so the"
            f" propensities are wrong{never}"
        )


def _wrong_mean(weights: np.ndarray, num_steps: int) -> tuple:
    """The mean weight that is the most standard errors from 1, with its error and its step, if it
    is too far for noise at one of so many places (Bonferroni). A mean of heavy-tailed weights is
    mostly below 1 and says nothing, so it is left out. () if there is none.
    """
    means = weights.mean(0)
    errors = weights.std(0, ddof=1) / np.sqrt(len(weights))
    off = np.abs(means - 1) - _ROUNDING
    z_scores = np.where(off > 0, off / np.maximum(errors, np.finfo(np.float64).tiny), 0.0)
    _, bound = Mean(0.0, 1.0).interval(1 - _FALSE_ALARM / weights.shape[1])
    for place in np.argsort(-z_scores):
        if not z_scores[place] > bound:
            return ()
        if not pareto_k(weights[:, place]) > HIGHEST_K_OF_PRODUCTS:
            step = int(place) // (weights.shape[1] // num_steps)
            return float(means[place]), float(errors[place]), step
    return ()


def few_that_earn(sessions: np.ndarray) -> str:
    """Why a mean of session values [S] rests on few of them; "" if it does not."""
    sizes = np.abs(sessions)
    squares = (sizes**2).sum()
    number = sizes.sum() ** 2 / squares if squares else 0.0
    if number >= _FEWEST_THAT_EARN:
        return ""
    return f"what {number:.0f} of {len(sessions):,} sessions earned decides"


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
