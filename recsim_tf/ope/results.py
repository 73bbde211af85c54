"""Estimates of a policy's value with their intervals and verdicts."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow_probability as tfp

from recsim_tf.ope.diagnostics import Verdict, WeightDiagnostics
from recsim_tf.support.tables import number, text_table


class Estimate(NamedTuple):
    """An estimate of a policy's mean return, in units of reward."""

    value: float
    standard_error: float
    interval: tuple[float, float]
    verdict: Verdict
    # float64 [S]: their mean is the estimate, for paired differences; () for simulated ones
    sessions: Any = ()
    weights: WeightDiagnostics | None = None  # None without weights

    @classmethod
    def of(
        cls, value: float, error: float, level: float, freedom: float = 1e6, *faults: str
    ) -> "Estimate":
        """An estimate with Student's t-interval of a level in (0, 1) by its standard error and
        degrees of freedom, believed if it has no faults.
        """
        student = tfp.distributions.StudentT(np.float64(freedom), np.float64(0), np.float64(1))
        half = float(error) * float(student.quantile(0.5 + level / 2))
        interval = (float(value) - half, float(value) + half)
        return cls(float(value), float(error), interval, Verdict.of(value, half, *faults))

    @classmethod
    def of_sessions(cls, sessions: np.ndarray, level: float, *faults: str) -> "Estimate":
        """The mean of [S]."""
        error = sessions.std(ddof=1) / np.sqrt(len(sessions))
        found = cls.of(sessions.mean(), error, level, len(sessions) - 1, *faults)
        return found._replace(sessions=sessions)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.4g} [{low:.4g}, {high:.4g}], {self.verdict}"


class Result(dict[str, Estimate]):
    """Estimates by name.

    Attributes:
      logged: the mean return of the log itself.
      weights: diagnostics of the weights of whole slates and sessions; None without propensities.
      reading: "slate", "prefix" or "position": what rewards may be taken to depend on, as far as
        the log does not contradict it.
    """

    logged: Estimate
    weights: WeightDiagnostics | None
    reading: str

    def __str__(self) -> str:
        """A table, with the estimates that are not to be believed in brackets at its end."""
        rows = [["estimator", "value", "95 % interval", "ESS", "k-hat", "verdict"]]
        ordered = sorted(self.items(), key=lambda item: not item[1].verdict.is_believable)
        for name, one in [("the log itself", self.logged), *ordered]:
            cells = [number(one.value), " to ".join(map(number, one.interval))]
            if not one.verdict.is_believable:
                cells = [f"({cell})" for cell in cells]
            size, k = None, None
            if one.weights is not None:
                size, k = round(one.weights.effective_sample_size), one.weights.pareto_k
            rows.append([name, *cells, number(size), number(k), str(one.verdict)])
        return text_table(rows, left=(0, 5))
