"""The plots of fits and validations."""

import functools
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from recsim_tf.fitting.checks.choices import Calibration
from recsim_tf.fitting.checks.predictive import Histogram, PredictiveCheck
from recsim_tf.fitting.estimate.estimates import MOST_ELEMENTS
from recsim_tf.fitting.estimate.fit import FitResult
from recsim_tf.fitting.validation.discriminator import Discrimination
from recsim_tf.fitting.validation.validation import Validation
from recsim_tf.support.plots import Curve, draw_curves, new_figure
from recsim_tf.support.tables import label

# Draws on axes.
Drawing: TypeAlias = Callable[[Any], None]

_LOG, _MODEL = "black", "C0"
_PERCENT_95 = "95 % of simulations"
_QUANTITIES = {
    "clicks_per_session": "clicks of a session",
    "engagement_per_session": "engagement of a session (sum of rewards)",
    "engagement_per_step": "engagement of a step (reward)",
}


def plot(result: FitResult | Validation) -> Any:
    """A figure of matplotlib. Of a fit it has the log-likelihood through the search, and the
    elements of large parameters; of a validation what was predicted beside what was logged.

    Args:
      result: of `fit`, or of `validate`.

    Raises:
      ImportError: if matplotlib is not installed.
      ValueError: for a fit whose search ended before its first pass was over.
    """
    drawings = _of_fit(result) if isinstance(result, FitResult) else _of_validation(result)
    if not drawings:
        raise ValueError("the search must not end before its first pass is over, to be drawn")
    columns = min(2, len(drawings))
    rows = -(-len(drawings) // columns)
    drawn = new_figure((5.4 * columns, 3.6 * rows), rows, columns)
    for axes, draw in zip(drawn.axes, drawings, strict=False):
        draw(axes)
    for axes in drawn.axes[len(drawings) :]:
        drawn.delaxes(axes)
    return drawn


def _of_fit(result: FitResult) -> list[Drawing]:
    name = result.search.step_name
    curve = functools.partial(learning_curve, history=result.history, step_name=name)
    histograms: list[Drawing] = [
        functools.partial(parameter_histogram, name=name, values=estimate.value)
        for name, estimate in result.estimates.items()
        if np.size(estimate.value) > MOST_ELEMENTS
    ]
    return [curve, *histograms] if result.history else histograms


def _of_validation(validation: Validation) -> list[Drawing]:
    calibrated: list[Drawing] = [
        functools.partial(calibration_plot, calibration=calibration, quantity=label(name))
        for name, calibration in validation.calibrations.items()
    ]
    told = validation.discrimination
    areas = [] if told is None else [functools.partial(area_plot, discrimination=told)]
    return [*calibrated, *of_predictive(validation.alike).values(), *areas]


def of_predictive(check: PredictiveCheck) -> dict[str, Drawing]:
    """Plots of logged and simulated sessions, by what they show in words."""
    drawings: dict[str, Drawing] = {}
    if any(name.startswith("click_rate/") for name in check.statistics):
        drawings["Click rates by position."] = functools.partial(click_rate_plot, check=check)
    for name, histogram in check.histograms.items():
        if name == "session_length":
            words = "Session lengths: the share that reaches each step."
            drawings[words] = functools.partial(survival_plot, histogram=histogram)
        else:
            quantity = _QUANTITIES.get(name, label(name))
            drawings[f"Distribution of the {quantity}."] = functools.partial(
                histogram_plot, label=quantity, histogram=histogram
            )
    return drawings


def learning_curve(axes: Any, history: Sequence[dict[str, float]], step_name: str) -> None:
    """The log-likelihood a step through the search; `step_name` is what a row of its history is."""
    steps = [row["step"] for row in history]
    values = np.array([row["log_likelihood"] for row in history])
    curves = [Curve("fitted sessions", steps, values)]
    if "held_out" in history[0]:
        curves.append(Curve("held-out sessions", steps, [row["held_out"] for row in history]))
    draw_curves(axes, curves)
    gain = np.max(values, where=np.isfinite(values), initial=values[0]) - values[0]
    if gain > 0:
        # A line search may look at places so bad that nothing else would be seen.
        axes.set_ylim(bottom=max(axes.get_ylim()[0], values[0] - 0.3 * gain))
    axes.set_xlabel(step_name)
    axes.set_ylabel("log-likelihood a step (nats)")


def parameter_histogram(axes: Any, name: str, values: np.ndarray) -> None:
    """The elements of a parameter that is a large table."""
    axes.hist(np.ravel(values), bins=min(40, max(10, int(np.sqrt(np.size(values))))), color=_MODEL)
    axes.set_xlabel(name)
    axes.set_ylabel("elements")


def calibration_plot(axes: Any, calibration: Calibration, quantity: str) -> None:
    """Observed against predicted means of a quantity."""
    predicted, observed = calibration.predicted, calibration.observed
    errors = np.nan_to_num(2 * calibration.standard_error)
    low = min(0.0, 1.08 * predicted.min(), 1.08 * (observed - errors).min())
    top = 1.08 * max(predicted.max(), (observed + errors).max())
    diagonal = {"color": "grey", "linestyle": "--", "linewidth": 1}
    axes.plot([low, top], [low, top], label="perfect calibration", **diagonal)
    axes.errorbar(
        predicted, observed, errors, fmt="o", capsize=3, color=_MODEL, label="± 2 standard errors"
    )
    axes.set_xlim(low, top)
    axes.set_ylim(low, top)
    axes.set_xlabel(f"predicted {quantity}")
    axes.set_ylabel("observed mean")
    axes.legend(frameon=False, loc="upper left")


def click_rate_plot(axes: Any, check: PredictiveCheck) -> None:
    """Click rates by position, of the log and of the simulations."""
    prefix = "click_rate/position_"
    found = {
        int(name.removeprefix(prefix)): statistic
        for name, statistic in check.statistics.items()
        if name.startswith(prefix)
    }
    positions = list(found)
    observed = np.array([statistic.observed for statistic in found.values()])
    low, high = np.array([statistic.interval for statistic in found.values()]).T
    axes.bar(positions, high - low, 0.6, low, color=_MODEL, alpha=0.4, label=_PERCENT_95)
    axes.plot(positions, observed, "o", markersize=4, color=_LOG, label="log")
    bottom, top = min(low.min(), observed.min()), max(high.max(), observed.max())
    axes.set_ylim(max(0, bottom - 0.2 * (top - bottom)), top + 0.4 * (top - bottom) + 1e-9)
    if len(positions) <= 20:
        axes.set_xticks(positions)
    axes.set_xlabel("position (0 is the top)")
    axes.set_ylabel("click rate")
    axes.legend(frameon=False, ncols=2, loc="upper left")


def survival_plot(axes: Any, histogram: Histogram) -> None:
    """The part of sessions that reach each step, in the log and in the simulations."""
    histogram_plot(axes, "step", histogram.survival(), "sessions that reach it")
    axes.set_ylim(0, 1.05)


def histogram_plot(axes: Any, label: str, histogram: Histogram, words: str = "share") -> None:
    """A distribution in the log and in the simulations."""
    low, high = histogram.interval
    band = {"fill": True, "color": _MODEL, "alpha": 0.4, "linewidth": 0}
    axes.stairs(high, histogram.edges, baseline=low, label=_PERCENT_95, **band)
    axes.stairs(histogram.observed, histogram.edges, color=_LOG, linewidth=1, label="log")
    axes.legend(frameon=False)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(label)
    axes.set_ylabel(words)


def areas(discrimination: Discrimination) -> dict[str, float]:
    """Areas under the curve of a classifier, by what it tells apart."""
    return {
        "log against simulations": discrimination.auc,
        "one simulation against another": discrimination.auc_null,
        "log against simulations with twice the odds of a click": discrimination.auc_power,
    }


def area_plot(axes: Any, discrimination: Discrimination) -> None:
    """The areas under the curve, and a band of those of guesses."""
    values = areas(discrimination)
    low, high = 0.5 - 2 * discrimination.chance, 0.5 + 2 * discrimination.chance
    axes.axvspan(low, high, color="grey", alpha=0.25, linewidth=0)
    axes.plot(list(values.values()), range(len(values)), "o")
    axes.set_yticks(range(len(values)), [textwrap.fill(name, 20) for name in values])
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.set_xlim(min(0.4, *values.values()) - 0.01, 1.01)
    axes.set_xlabel("area under the curve")
