# SPDX-License-Identifier: Apache-2.0
"""Does it look alike? Statistics of the log beside those of simulations of its sessions."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recsim_tf.fitting.validation.context import Context
from recsim_tf.fitting.validation.question import Answer, Drawing
from recsim_tf.fitting.validation.statistics import (
    Histogram,
    PredictiveCheck,
    Statistic,
    predictive_check,
)
from recsim_tf.support.means import Mean
from recsim_tf.support.pages import Chart, Marked, Note, Part, Table
from recsim_tf.support.plots import plot
from recsim_tf.support.tables import fixed, label, per_cent, signed
from recsim_tf.support.verdicts import (
    BELIEVABLE,
    CANNOT_TELL,
    NOT_BELIEVABLE,
    WITH_CARE,
    Verdict,
)

_ALIKE, _UNLIKE = 0.10, 0.25  # of a statistic
_FALSE_ALARM = 0.02  # the probability that any statistic of a true model is off, but for chance

_LOG, _MODEL = "black", "C0"
_PERCENT_95 = "95 % of simulations"
_QUANTITIES = {
    "clicks_per_step": "clicks of a step",
    "clicks_per_session": "clicks of a session",
    "engagement_per_session": "engagement of a session (sum of rewards)",
    "engagement_per_step": "engagement of a step (reward)",
}
# The order in which a person would mend what is off, by the beginning of a statistic's name: what
# comes first may be the cause of what comes later. With what a model lacks where it is off, or ""
# where that may be one of several.
_CAUSES = {
    "click_rate/": "the effect of positions, or the level of clicks",
    "clicks_per_step/mean": "the level of clicks",
    "clicks_per_step/standard_deviation": "",
    "click_rate_of_steps/": "how clicks change in the course of a session",
    "click_rate_of_a_document/": "how documents differ",
    "tastes_of_neighbouring_steps/": "how tastes differ",
    "tastes_in_both_halves/": "how tastes last in a session",
    "click_rate_of_documents_clicked_before/over_passed": "which documents a user likes",
    "click_rate_of_documents_clicked_before/mean": "",
    "clicks_on_the_popular_and_those_before/": "how users differ in following what is popular",
    "click_rate_of_a_session/": "how users differ",
    "sessions_without_a_click": "",
    "clicks_per_session/": "",
    "surprise_and_those_before/": "how users differ",
    "surprises_of_neighbouring_steps/": "how users change from step to step",
    "share_of_users_who_leave": "how often users leave",
    "users_who_leave_after/": "how leaving depends on what was clicked",
    "session_length/": "how long users stay",
    "response/": "amounts beside the clicks",
    "engagement": "engagement",
}


class Reproduces:
    """Does it look alike?"""

    name, title, needs_held_out = "reproduces", "Does it look alike?", True

    def ask(self, context: Context) -> Answer:
        """Simulates the sessions again, and compares statistics."""
        check = predictive_check(context.sessions, context.num_replicates, context.seed)
        largest = max((abs(off_by(each)) for each in off(check).values()), default=0.0)
        return Answer(
            verdict(check),
            figures(check),
            (
                "largest part that a statistic is off by, beyond chance",
                Mean(largest, np.nan),
            ),
            lambda: _parts(check),
            list(drawings(check).values()),
        )


def off_by(statistic: Statistic) -> float:
    """The error of a prediction as a part of the logged value; 0 where both are 0."""
    if not statistic.observed:
        return float("inf") if statistic.predicted else 0.0
    return statistic.predicted / statistic.observed - 1


def off(check: PredictiveCheck) -> dict[str, Statistic]:
    """The statistics that are off by more than chance (Holm 1979, "A simple sequentially rejective
    multiple test procedure"), in the order in which one would mend them.
    """
    by_p = sorted(check.statistics, key=lambda name: check.statistics[name].p_value)
    is_off = set()
    for rank, name in enumerate(by_p):
        if check.statistics[name].p_value > _FALSE_ALARM / (len(by_p) - rank):
            break
        is_off.add(name)
    causes = list(_CAUSES)
    ordered = sorted(is_off, key=lambda name: (causes.index(_cause(name)), name))
    return {name: check.statistics[name] for name in ordered}


def _cause(name: str) -> str:
    """The beginning of a statistic's name that `_CAUSES` has."""
    return next(each for each in _CAUSES if name.startswith(each))


def figures(check: PredictiveCheck) -> dict[str, Any]:
    """The statistics by name, without the single simulations."""
    return {
        name: {
            "observed": each.observed,
            "predicted": each.predicted,
            "interval": each.interval,
            "z_score": each.z_score,
            "p_value": each.p_value,
            "off_by": off_by(each),
        }
        for name, each in check.statistics.items()
    }


def verdict(check: PredictiveCheck) -> Verdict:
    """The answer."""
    number = len(check.statistics)
    far = {name: each for name, each in off(check).items() if abs(off_by(each)) > _ALIKE}
    blurred = [
        each
        for each in check.statistics.values()
        if np.std(each.replicated) > _ALIKE * abs(each.observed)
    ]
    if not far:
        checked = (
            f"Of {number} statistics of logged sessions, simulated ones miss none by more than"
            f" {_ALIKE:.0%}, as far as {check.num_replicates} simulations tell it from chance."
        )
        if len(blurred) > number / 2:
            noise = f"Chance alone makes {len(blurred)} of them vary by as much."
            return Verdict(CANNOT_TELL, f"The log is too small to tell. {checked} {noise}")
        return Verdict(BELIEVABLE, f"Its sessions look like logged ones. {checked}")
    word = WITH_CARE
    if max(abs(off_by(each)) for each in far.values()) > _UNLIKE:
        word = NOT_BELIEVABLE
    first = next(filter(None, (_CAUSES[_cause(name)] for name in far)), "")
    mend = f"; mend {first} first" if first else ""
    return Verdict(
        word,
        f"Its sessions differ from logged ones{mend}. Of {number} statistics {len(far)}"
        f" {'is' if len(far) == 1 else 'are'} off by more than {_ALIKE:.0%}: {_named(far)}.",
    )


def _named(statistics: Mapping[str, Statistic]) -> str:
    """Statistics in words, with how far each is off."""
    return ", ".join(
        f"{label(name)} ({per_cent(off_by(each))})" for name, each in statistics.items()
    )


def _parts(check: PredictiveCheck) -> Sequence[Part]:
    introduction = (
        f"The {check.num_sessions:,} sessions, simulated again {check.num_replicates:,}"
        f" times at the estimates. {check.notes[0]} The parameters' uncertainty is left out."
    )
    is_off, rows = off(check), []
    for name, statistic in check.statistics.items():
        low, high = statistic.interval
        part = per_cent(off_by(statistic))
        rows.append(
            {
                "": label(name),
                "log": statistic.observed,
                "predicted": statistic.predicted,
                "95 % from": low,
                "to": high,
                "off by": [Marked(part)] if name in is_off else part,
                "z": signed(statistic.z_score, 1),
                "p": fixed(statistic.p_value, 3),
            }
        )
    note = (
        "Statistics that are off by more than chance stand out. p is two-sided, by Student's t; of"
        " so many statistics some have a small p by chance, which is taken into account (Holm). z"
        " is the distance from the prediction in standard deviations of the simulations."
        f" {' '.join(check.notes[1:])}"
    )
    charts = [
        Chart(plot(draw, size=(5.4, 3.6)).png(), words, words)
        for words, draw in drawings(check).items()
    ]
    return [introduction, Table(rows), *charts, Note(note)]


def drawings(check: PredictiveCheck) -> dict[str, Drawing]:
    """Plots of logged and simulated sessions, by what they show in words."""
    charts: dict[str, Drawing] = {}
    if any(name.startswith("click_rate/") for name in check.statistics):
        charts["Click rates by position."] = functools.partial(_click_rate_plot, check=check)
    for name, histogram in check.histograms.items():
        if name == "session_length":
            words = "Session lengths: the share that reaches each step."
            charts[words] = functools.partial(_survival_plot, histogram=histogram)
        else:
            quantity = _QUANTITIES.get(name, label(name))
            charts[f"Distribution of the {quantity}."] = functools.partial(
                _histogram_plot, label=quantity, histogram=histogram
            )
    return charts


def _click_rate_plot(axes: Any, check: PredictiveCheck) -> None:
    """Click rates by position, of the log and of the simulations."""
    prefix = "click_rate/position_"
    rates = {
        int(name.removeprefix(prefix)): statistic
        for name, statistic in check.statistics.items()
        if name.startswith(prefix)
    }
    positions = list(rates)
    observed = np.array([statistic.observed for statistic in rates.values()])
    low, high = np.array([statistic.interval for statistic in rates.values()]).T
    axes.bar(positions, high - low, 0.6, low, color=_MODEL, alpha=0.4, label=_PERCENT_95)
    axes.plot(positions, observed, "o", markersize=4, color=_LOG, label="log")
    bottom, top = min(low.min(), observed.min()), max(high.max(), observed.max())
    axes.set_ylim(max(0, bottom - 0.2 * (top - bottom)), top + 0.4 * (top - bottom) + 1e-9)
    if len(positions) <= 20:
        axes.set_xticks(positions)
    axes.set_xlabel("position (0 is the top)")
    axes.set_ylabel("click rate")
    axes.legend(frameon=False, ncols=2, loc="upper left")


def _survival_plot(axes: Any, histogram: Histogram) -> None:
    """The part of sessions that reach each step, in the log and in the simulations."""
    _histogram_plot(axes, "step", histogram.survival(), "sessions that reach it")
    axes.set_ylim(0, 1.05)


def _histogram_plot(axes: Any, label: str, histogram: Histogram, words: str = "share") -> None:
    """A distribution in the log and in the simulations."""
    low, high = histogram.interval
    band = {"fill": True, "color": _MODEL, "alpha": 0.4, "linewidth": 0}
    axes.stairs(high, histogram.edges, baseline=low, label=_PERCENT_95, **band)
    axes.stairs(histogram.observed, histogram.edges, color=_LOG, linewidth=1, label="log")
    axes.legend(frameon=False)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(label)
    axes.set_ylabel(words)
