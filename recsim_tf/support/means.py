# SPDX-License-Identifier: Apache-2.0
"""Means over sessions, and their errors."""

import functools
import math
from typing import NamedTuple, Self

import numpy as np
import tensorflow_probability as tfp

_LEAST_SKEWNESS = 1e-6


def plus_minus(value: float, error: float) -> str:
    """A number and its standard error, such as "5.02 ± 0.03": to the first digit of the rounded
    error, or to the second where the first is 1. A number without an error has five digits.
    """
    if not (math.isfinite(value) and math.isfinite(error) and error > 0):
        return f"{value:.5g}"
    mantissa, exponent = f"{error:.1e}".split("e")
    digits = max(0, (float(mantissa) < 2) - int(exponent))
    return f"{value:.{digits}f} ± {error:.{digits}f}"


class Mean(NamedTuple):
    """A mean and its error.

    Its interval is Student's, since the standard error is an estimate too. Three refinements are
    possible. Sessions of one user are not independent, so `Mean.of` takes the sessions of a group
    together. A few heavy weights make the error skewed, so `Mean.of` can correct for that. A model
    whose parameters were fitted has an error that more sessions do not make smaller, so
    `with_error` adds it.
    """

    value: float
    standard_error: float  # NaN for a single group
    degrees: float = math.inf  # degrees of freedom of the standard error
    skewness: float = 0.0  # skewness of the error, where intervals are corrected for it

    @classmethod
    def of(
        cls, values: np.ndarray, groups: np.ndarray | None = None, is_skewed: bool = False
    ) -> Self:
        """The mean of numbers, one for each session.

        Args:
          values: float [S].
          groups: int [S], the user of each session, in [0, G), where a user has several sessions;
            None where sessions are independent.
          is_skewed: whether intervals are corrected for the skewness of the numbers.
        """
        if groups is None:
            return cls.of_ratio(values, np.ones(len(values)), is_skewed)
        return cls.of_ratio(np.bincount(groups, values), np.bincount(groups), is_skewed)

    @classmethod
    def of_ratio(cls, sums: np.ndarray, counts: np.ndarray, is_skewed: bool = False) -> Self:
        """The ratio of two sums float [G] over independent groups, such as clicks a step, with the
        standard error of a ratio estimator (Cochran 1977, Sampling Techniques, equation 6.13).
        Groups of count zero are left out. See `of` for `is_skewed`.
        """
        sums, counts = np.asarray(sums, np.float64), np.asarray(counts, np.float64)
        sums, counts = sums[counts > 0], counts[counts > 0]
        number, total = len(counts), counts.sum()
        if not number:
            return cls(math.nan, math.nan)
        value = float(sums.sum() / total)
        if number < 2 or not math.isfinite(value):
            return cls(value, math.nan)
        residuals = sums - value * counts
        error = float(np.sqrt(number / (number - 1) * (residuals**2).sum()) / total)
        skewness = 0.0
        if is_skewed and error:
            skewness = float((residuals**3).sum() / total**3 / error**3)
        return cls(value, error, number - 1, skewness)

    def with_error(self, further: float) -> Self:
        """The mean with a further, independent and normal error, such as that of parameters."""
        total = float(np.hypot(self.standard_error, further))
        part = self.standard_error / total if total else 1.0
        return self._replace(standard_error=total, skewness=self.skewness * part**3)

    def minus(self, mean: Self) -> Self:
        """The difference to an independent mean, with Welch's degrees of freedom."""
        errors = np.array([self.standard_error, mean.standard_error])
        total = float(np.hypot(*errors))
        parts = float((errors**4 / [self.degrees, mean.degrees]).sum())
        cubed = errors**3 * [self.skewness, -mean.skewness]
        return self._replace(
            value=self.value - mean.value,
            standard_error=total,
            degrees=total**4 / parts if parts else math.inf,
            skewness=float(cubed.sum()) / total**3 if total else 0.0,
        )

    @property
    def distance(self) -> float:
        """The distance from zero in standard errors, infinite where there is no error."""
        return abs(self.value) / self.standard_error if self.standard_error else math.inf

    def in_words(self, form: str = "+.4f") -> str:
        """The mean and its standard error in a format, for sentences."""
        value = format(self.value, form)
        if math.isnan(self.standard_error):
            return f"{value} (its error is unknown)"
        return f"{value} ± {format(self.standard_error, form.lstrip('+'))}"

    def __str__(self) -> str:
        return plus_minus(self.value, self.standard_error)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Student's interval of a level in (0, 1). It reaches further on the side to which
        `skewness` points, if corrected for that (Hall 1992, On the Removal of Skewness by
        Transformation). The correction makes no side shorter, since a few heavy weights do not tell
        their skewness well.
        """
        ends = _quantile(self.degrees, level) * np.array([1.0, -1.0])
        if abs(self.skewness) > _LEAST_SKEWNESS:
            cubed = 1 + self.skewness * (ends - self.skewness / 6)
            corrected = 3 / self.skewness * (np.cbrt(cubed) - 1)
            ends = np.array([max(ends[0], corrected[0]), min(ends[1], corrected[1])])
        low, high = self.value - self.standard_error * ends
        return float(low), float(high)


@functools.cache
def _quantile(degrees: float, level: float) -> float:
    """The upper end of the central interval of Student's t, or of a normal distribution."""
    place = np.float64(0), np.float64(1)
    normal = tfp.distributions.Normal(*place)
    student = normal if math.isinf(degrees) else tfp.distributions.StudentT(degrees, *place)
    return float(student.quantile(0.5 + level / 2))


def error_of_draws(returns: np.ndarray) -> float:
    """The standard deviation of the mean return between draws of the parameters, without the part
    that comes from the users' noise, from the returns float [N, U] of each draw and user. It is a
    component of variance in a two-way layout, since users and their noise are the same in all
    draws.
    """
    num_draws, num_users = returns.shape
    of_draws = returns.mean(axis=1)
    residuals = returns - of_draws[:, np.newaxis] - returns.mean(axis=0) + returns.mean()
    noise = (residuals**2).sum() / ((num_draws - 1) * (num_users - 1) * num_users)
    return float(np.sqrt(max(of_draws.var(ddof=1) - noise, 0.0)))
