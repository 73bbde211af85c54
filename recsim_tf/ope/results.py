# SPDX-License-Identifier: Apache-2.0
"""Estimates of a policy's value with their intervals and verdicts."""

import itertools
from collections.abc import Collection
from typing import Any, NamedTuple, NoReturn

import numpy as np

from recsim_tf.core.base.ranges import shown
from recsim_tf.logs.examination.findings import Findings
from recsim_tf.ope.diagnostics import WeightDiagnostics
from recsim_tf.ope.responses import Bias, ResponseGap, mean_of, widened
from recsim_tf.support.errors import instead
from recsim_tf.support.means import Mean
from recsim_tf.support.summaries import table_html
from recsim_tf.support.tables import frame, gained, number, per_cent, text_table
from recsim_tf.support.verdicts import WITH_CARE, Verdict

_MOST_SHOWN = 10  # policies that are described, and compared in pairs
_ERRORS = 2.0  # standard errors by which estimates may differ


class Gain(NamedTuple):
    """The gain of a policy over the log's mean or over another policy, in units of reward."""

    value: float
    interval: tuple[float, float]  # paired by session

    @property
    def word(self) -> str:
        """The sign of the gain in words, as far as the interval shows it."""
        low, high = self.interval
        return "more" if low > 0 else "less" if high < 0 else "no difference that can be seen"

    def texts(self, logged: float) -> tuple[str, str, str]:
        """The gain and the ends of its interval, in per cent of the log's mean return; in units of
        reward if that is 0.
        """
        value, low, high = (
            per_cent(part / abs(logged)) if logged else gained(part)
            for part in (self.value, *self.interval)
        )
        return value, low, high


class Estimate(NamedTuple):
    """An estimate of a policy's mean return, in units of reward."""

    value: float
    standard_error: float
    interval: tuple[float, float]
    verdict: Verdict
    gain: Gain | None = None  # None for the log itself
    # Values of the logged sessions, float64 [S], or returns of simulated ones, [B]. Their mean is
    # the estimate; differences of estimates are paired by them.
    sessions: Any = ()
    # Returns of simulated sessions [D, b] under draws of a fitted model's parameters, or ().
    draws: Any = ()
    weights: WeightDiagnostics | None = None  # None without weights
    users: Any = ()  # int [S], the user of each session; () where no user has several sessions
    assumptions: int = 0  # see `Estimator.assumptions`
    has_click_model: bool = False  # whether weights are ratios of a click model's probabilities
    # The gap between the responses to other slates in the log and in the model, or the reason why
    # the log does not show it, in words; None for an estimate without simulated sessions.
    response: ResponseGap | str | None = None

    @property
    def is_by_model(self) -> bool:
        """Tells whether the estimate needs a model of the users."""
        return self.weights is None or self.has_click_model

    @classmethod
    def of(cls, mean: Mean, level: float, *faults: str) -> "Estimate":
        """An estimate with an interval of a level, which is believed if all faults are ""."""
        low, high = mean.interval(level)
        verdict = Verdict.of(mean.value, (high - low) / 2, *faults)
        return cls(mean.value, mean.standard_error, (low, high), verdict)

    @classmethod
    def of_sessions(
        cls,
        sessions: np.ndarray,
        level: float,
        *faults: str,
        draws: Any = (),
        users: Any = (),
    ) -> "Estimate":
        """The mean of sessions [S] as an estimate. `draws` and `users` are as in the fields."""
        estimate = cls.of(mean_of(sessions, users, draws), level, *faults)
        return estimate._replace(sessions=sessions, draws=draws, users=users)

    def beyond(self, logged: np.ndarray, level: float) -> "Estimate":
        """This estimate with its gain over the log's returns [S], paired by session."""
        log = Estimate.of_sessions(logged, level, users=self.users)
        return self._replace(gain=self.difference(log, level))

    def difference(self, other: "Estimate", level: float) -> Gain:
        """The gain over another policy that the same estimator judges from the same log. It is
        paired by session. The interval of a difference in a model includes the bias of the model's
        responses to the slates of both policies.
        """
        draws = self.draws - other.draws if np.ndim(self.draws) == 2 else ()
        mean = mean_of(self.sessions - other.sessions, self.users, draws)
        if self.response is None:
            return Gain(mean.value, mean.interval(level))
        bias = Bias.unmeasured(mean.value)
        if isinstance(self.response, ResponseGap) and isinstance(other.response, ResponseGap):
            bias = Bias.of_gap(self.response.minus(other.response).mean)
        return Gain(mean.value, widened(mean, bias, level))

    def figures(self) -> dict[str, Any]:
        """All fields but those with a value for each session, by name."""
        fields = self._asdict()
        del fields["sessions"], fields["draws"], fields["users"], fields["response"]
        return {**fields, "weights": self.weights and self.weights.figures()}

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.4g} [{low:.4g}, {high:.4g}], {self.verdict}"


class Result(dict[str, Estimate]):
    """Estimates by name of the estimator.

    Attributes:
      level: the level of the intervals.
      logged: the mean return of the log itself.
      weights: diagnostics of the weights of whole slates and sessions; None without propensities.
      reading: "slate", "prefix" or "position": the strongest assumption on the items that rewards
        depend on which the log does not contradict.
      findings: what the examination of the log found, see `logs.examine`.
    """

    level: float
    logged: Estimate
    weights: WeightDiagnostics | None
    reading: str
    findings: Findings

    def __missing__(self, name: Any) -> NoReturn:
        raise _unknown("estimator", name, self)

    @property
    def best(self) -> str | None:
        """The estimator to read first, or None where a fault is seen in each.

        It has the weakest assumptions among estimates without a fault, if possible without "with
        care". An estimator with stronger assumptions takes its place if the interval of its
        gain is narrower and the log supports its assumptions: both estimates are alike, and their
        difference is precise enough to show a difference of the size of the gain.
        """
        usable = [name for name, estimate in self.items() if estimate.verdict.is_believable]
        sure = [name for name in usable if self[name].verdict.word != WITH_CARE]
        if not usable:
            return None
        best, *rest = sorted(sure or usable, key=self._preference)
        for name in rest:
            narrower = self._width(name) < self._width(best)
            if narrower and (
                self[name].assumptions == self[best].assumptions or self._agrees(name, best)
            ):
                best = name
        return best

    def _preference(self, name: str) -> tuple[int, float]:
        return self[name].assumptions, self._width(name)

    def _width(self, name: str) -> float:
        gain = self[name].gain
        return np.inf if gain is None else gain.interval[1] - gain.interval[0]

    def _agrees(self, name: str, weaker_name: str) -> bool:
        """True if two estimates are alike, and would show a difference as large as the gain."""
        estimate, weaker = self[name], self[weaker_name]
        if len(estimate.sessions) != len(weaker.sessions) or weaker.gain is None:
            return False
        gap = mean_of(estimate.sessions - weaker.sessions, weaker.users)
        bound = _ERRORS * gap.standard_error
        return abs(gap.value) <= bound <= abs(weaker.gain.value)

    def rows(self) -> list[dict[str, str]]:
        """A table of the log and the estimates. Estimates that are not to be believed are in
        brackets at its end.
        """
        rows = []
        ordered = sorted(self.items(), key=lambda item: not item[1].verdict.is_believable)
        for name, estimate in [("the log itself", self.logged), *ordered]:
            cells = {
                "value": number(estimate.value),
                f"{self.level:.0%} interval": between(estimate.interval),
            }
            cells["beyond the log"] = number(None)
            if estimate.gain is not None:
                _, low, high = estimate.gain.texts(self.logged.value)
                cells["beyond the log"] = f"{low} to {high}"
            verdict, weights = estimate.verdict, estimate.weights
            if not verdict.is_believable:
                cells = {column: f"({cell})" for column, cell in cells.items()}
            size, k = None, None
            if weights is not None:
                size, k = round(weights.effective_sample_size), weights.pareto_k
            checks = {"ESS": number(size), "k-hat": number(k)}
            rows.append({"estimator": name, **cells, **checks, "verdict": str(verdict)})
        return rows

    def to_frame(self) -> Any:
        """A DataFrame with a row for each estimator, with gains in units of reward. "Read first"
        marks the estimator `best`.

        Raises:
          ImportError: if pandas is not installed.
        """
        return frame(_number_rows(self))

    def __str__(self) -> str:
        """The table of `rows` as text."""
        return text_table(self.rows(), left=(0, 6))

    def _repr_html_(self) -> str:
        return self.html("Estimates")

    def html(self, title: str) -> str:
        """The table of `rows` as HTML."""
        return table_html(title, self.rows(), left=(0, 6))

    def figures(self) -> dict[str, Any]:
        """All figures by name, without values of single sessions."""
        return {
            "logged": self.logged.figures(),
            "estimates": {name: estimate.figures() for name, estimate in self.items()},
            "best": self.best,
            "weights": self.weights and self.weights.figures(),
            "reading": self.reading,
        }


class Results(dict[str, Result]):
    """Results by name of the policy, from the same log and estimators."""

    def __missing__(self, name: Any) -> NoReturn:
        raise _unknown("policy", name, self)

    @property
    def order(self) -> list[str]:
        """The names of all policies in the order given. More than ten are ordered by their gain,
        the largest first; policies without a believed estimate are last.
        """

        def gain(name: str) -> float:
            result = self[name]
            if result.best is None:
                return -np.inf
            best = result[result.best]
            return best.value - result.logged.value if best.gain is None else best.gain.value

        return list(self) if len(self) <= _MOST_SHOWN else sorted(self, key=gain, reverse=True)

    @property
    def shown(self) -> list[str]:
        """The policies that texts and pages describe: the first ten of the order."""
        return self.order[:_MOST_SHOWN]

    @property
    def left_out(self) -> str:
        """A sentence on the policies that are not shown; "" if all are."""
        rest = len(self) - len(self.shown)
        if not rest:
            return ""
        return (
            f"Shown are the {_MOST_SHOWN} of {len(self):,} policies that gain the most, as far as"
            f" they are believed; results[name] and results.rows() have the other {rest:,}."
        )

    def difference(self, name: str, other: str) -> tuple[str, Gain] | None:
        """The gain of a policy over another policy, and the name of the estimator that gives it.

        It is the estimator with the narrowest interval among those that are believed for both
        policies, if possible without "with care". The result is None if there is none. Raises a
        KeyError for an unknown policy.
        """
        return self._difference(name, other, self[name].level)

    def _difference(self, name: str, other: str, level: float) -> tuple[str, Gain] | None:
        first, second = self[name], self[other]
        gains = {
            by: estimate.difference(second[by], level)
            for by, estimate in first.items()
            if estimate.verdict.is_believable and second[by].verdict.is_believable
        }

        def rank(by: str) -> tuple[bool, float]:
            needs_care = WITH_CARE in (first[by].verdict.word, second[by].verdict.word)
            return needs_care, np.ptp(gains[by].interval)

        by = min(gains, key=rank, default=None)
        return None if by is None else (by, gains[by])

    def rows(self, names: Collection[str] | None = None) -> list[dict[str, str]]:
        """A table of the differences of all pairs of policies, or of pairs of `names`. The
        intervals hold together with the probability `level` (Bonferroni).
        """
        rows = []
        pairs = list(itertools.combinations(self if names is None else names, 2))
        for name, second in pairs:
            level = 1 - (1 - self[name].level) / len(pairs)
            by, gain = self._difference(name, second, level) or (None, None)
            value, low, high = gain.texts(self[name].logged.value) if gain else (None,) * 3
            words = [] if by is None else [self[each][by].verdict.word for each in (name, second)]
            rows.append(
                {
                    "policy": name,
                    "beside": second,
                    "earns beyond it": number(value),
                    "interval": f"{low} to {high}" if gain else number(None),
                    "so it earns": number(gain and gain.word),
                    "by": number(by),
                    "verdicts": " and ".join(dict.fromkeys(words))
                    or "not to be compared from this log",
                }
            )
        return rows

    def to_frame(self) -> Any:
        """A DataFrame with a row for each policy and estimator, see `Result.to_frame`. "Read first"
        marks one row of each policy that can be judged.

        Raises:
          ImportError: if pandas is not installed.
        """
        rows = [
            {"policy": name, **row} for name, result in self.items() for row in _number_rows(result)
        ]
        return frame(rows)

    def __str__(self) -> str:
        """The tables of the policies that are shown, and the table of their differences."""
        shown = self.shown
        parts = [f"{name}\n{self[name]}" for name in shown]
        if len(shown) > 1:
            parts.append(text_table(self.rows(shown), (0, 1, 4, 5, 6)))
        return "\n\n".join([*parts, *filter(None, [self.left_out])])

    def _repr_html_(self) -> str:
        shown = self.shown
        tables = [self[name].html(name) for name in shown]
        tables.append(table_html("Differences", self.rows(shown), (0, 1, 4, 5, 6)))
        return "".join([*tables, f"<p>{self.left_out}</p>" if self.left_out else ""])


def _unknown(kind: str, name: Any, names: Collection[str]) -> KeyError:
    """The error for a name that is not among the names of results."""
    return KeyError(f"there is no {kind} {shown(name)}: {instead(str(name), list(names))}")


def _number_rows(result: Result) -> list[dict[str, Any]]:
    """Rows of a frame, one for each estimator."""
    nothing, best = Gain(np.nan, (np.nan, np.nan)), result.best
    rows = []
    for name, estimate in result.items():
        gain, weights = estimate.gain or nothing, estimate.weights
        row = {
            "estimator": name,
            "value": estimate.value,
            "standard error": estimate.standard_error,
            "interval from": estimate.interval[0],
            "interval to": estimate.interval[1],
            "gain": gain.value,
            "gain from": gain.interval[0],
            "gain to": gain.interval[1],
            "effective sessions": np.nan if weights is None else weights.effective_sample_size,
            "k-hat": np.nan if weights is None else weights.pareto_k,
            "believed": estimate.verdict.is_promise,
            "read first": name == best,
            "verdict": estimate.verdict.word,
            "reason": estimate.verdict.reason,
        }
        rows.append(row)
    return rows


def between(interval: tuple[float, float]) -> str:
    """An interval in words."""
    return " to ".join(map(number, interval))
