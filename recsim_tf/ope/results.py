"""Estimates of a policy's value with their intervals and verdicts."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow_probability as tfp

from recsim_tf.ope.diagnostics import Verdict, WeightDiagnostics
from recsim_tf.support.tables import number, text_table


class Gain(NamedTuple):
    """What a policy earns beyond the log's mean return, in units of reward."""

    value: float
    interval: tuple[float, float]  # paired by session

    @classmethod
    def of(cls, value: float, error: float, level: float, freedom: float = 1e6) -> "Gain":
        """With the interval of `Estimate.of`."""
        return cls(float(value), t_interval(value, error, level, freedom))

    @property
    def word(self) -> str:
        """What the interval says."""
        low, high = self.interval
        return "more" if low > 0 else "less" if high < 0 else "no difference that can be seen"


class Estimate(NamedTuple):
    """An estimate of a policy's mean return, in units of reward."""

    value: float
    standard_error: float
    interval: tuple[float, float]
    verdict: Verdict
    gain: Gain | None = None  # None for the log itself
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
        low, high = t_interval(value, error, level, freedom)
        verdict = Verdict.of(value, (high - low) / 2, *faults)
        return cls(float(value), float(error), (low, high), verdict)

    @classmethod
    def of_sessions(cls, sessions: np.ndarray, level: float, *faults: str) -> "Estimate":
        """The mean of [S]."""
        error = sessions.std(ddof=1) / np.sqrt(len(sessions))
        found = cls.of(sessions.mean(), error, level, len(sessions) - 1, *faults)
        return found._replace(sessions=sessions)

    def beyond(self, logged: np.ndarray, level: float) -> "Estimate":
        """With the gain over the log's returns [S], of which `sessions` are estimates."""
        gained = self.sessions - logged
        error = gained.std(ddof=1) / np.sqrt(len(gained))
        return self._replace(gain=Gain.of(gained.mean(), error, level, len(gained) - 1))

    def figures(self) -> dict[str, Any]:
        """All but what belongs to single sessions."""
        fields = self._asdict()
        del fields["sessions"]
        return {**fields, "weights": self.weights and self.weights.figures()}

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.4g} [{low:.4g}, {high:.4g}], {self.verdict}"


def t_interval(
    value: float, error: float, level: float, freedom: float = 1e6
) -> tuple[float, float]:
    """Student's interval of a level in (0, 1) by a standard error and degrees of freedom."""
    student = tfp.distributions.StudentT(np.float64(freedom), np.float64(0), np.float64(1))
    half = float(error) * float(student.quantile(0.5 + level / 2))
    return float(value) - half, float(value) + half


class Result(dict[str, Estimate]):
    """Estimates by name.

    Attributes:
      level: of the intervals.
      logged: the mean return of the log itself.
      weights: diagnostics of the weights of whole slates and sessions; None without propensities.
      reading: "slate", "prefix" or "position": what rewards may be taken to depend on, as far as
        the log does not contradict it.
    """

    level: float
    logged: Estimate
    weights: WeightDiagnostics | None
    reading: str

    @property
    def best(self) -> str | None:
        """The estimator to read: of those that are believed, if possible without care, the one of
        the narrowest gain; None if there is none.
        """

        def rank(name: str) -> tuple[bool, float]:
            gain, verdict = self[name].gain, self[name].verdict
            width = np.inf if gain is None else gain.interval[1] - gain.interval[0]
            return verdict.word == "with care", width

        believed = [name for name, one in self.items() if one.verdict.is_believable]
        return min(believed, key=rank) if believed else None

    def rows(self) -> list[dict[str, str]]:
        """A table of the log and the estimates. Those that are not to be believed are in brackets
        at its end.
        """
        found = []
        ordered = sorted(self.items(), key=lambda item: not item[1].verdict.is_believable)
        for name, one in [("the log itself", self.logged), *ordered]:
            cells = {
                "value": number(one.value),
                f"{self.level:.0%} interval": between(one.interval),
            }
            cells["beyond the log"] = between(one.gain.interval) if one.gain else number(None)
            if not one.verdict.is_believable:
                cells = {column: f"({cell})" for column, cell in cells.items()}
            size, k = None, None
            if one.weights is not None:
                size, k = round(one.weights.effective_sample_size), one.weights.pareto_k
            of_weights = {"ESS": number(size), "k-hat": number(k)}
            found.append({"estimator": name, **cells, **of_weights, "verdict": str(one.verdict)})
        return found

    def __str__(self) -> str:
        """The table of `rows` as text."""
        rows = self.rows()
        return text_table([list(rows[0]), *(list(row.values()) for row in rows)], left=(0, 6))

    def figures(self) -> dict[str, Any]:
        """All figures, without rows of the log."""
        return {
            "logged": self.logged.figures(),
            "estimates": {name: one.figures() for name, one in self.items()},
            "best": self.best,
            "weights": self.weights and self.weights.figures(),
            "reading": self.reading,
        }


def between(interval: tuple[float, float]) -> str:
    """An interval in words."""
    return " to ".join(map(number, interval))
