"""The plots of a report, as PNG."""

import functools
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from recsim_tf.fitting.checks import Calibration, Histogram, PredictiveCheck
from recsim_tf.plots import figure

_LOG, _MODEL = "black", "C0"
_HALF, _WIDE = (5.4, 3.6), (9, 3.6)
_PERCENT_95 = "95 % of simulations"


def _as_png(size: tuple[float, float]) -> Callable[[Callable[..., None]], Callable[..., bytes]]:
    """Turns a function that draws on axes, its first argument, into one that returns a PNG."""

    def decorate(draw):
        @functools.wraps(draw)
        def drawn(*arguments: Any) -> bytes:
            png = io.BytesIO()
            with figure(png, size) as axes:
                draw(axes, *arguments)
            return png.getvalue()

        return drawn

    return decorate


@_as_png(_WIDE)
def learning_curve(axes, history: Sequence[dict[str, float]], step_name: str) -> None:
    """The log-likelihood a step through the search; `step_name` is what a row of its history is."""
    steps = [row["step"] for row in history]
    values = np.array([row["log_likelihood"] for row in history])
    marker = "." if len(steps) < 100 else ""
    axes.plot(steps, values, marker=marker, color=_MODEL, label="fitted sessions")
    if "held_out" in history[0]:
        axes.plot(
            steps,
            [row["held_out"] for row in history],
            marker=marker,
            color="C1",
            label="held-out sessions",
        )
        axes.legend(frameon=False)
    gain = np.max(values, where=np.isfinite(values), initial=values[0]) - values[0]
    if gain > 0:
        # A line search may look at places so bad that nothing else would be seen.
        axes.set_ylim(bottom=max(axes.get_ylim()[0], values[0] - 0.3 * gain))
    axes.set_xlabel(step_name)
    axes.set_ylabel("log-likelihood a step (nats)")


@_as_png(_HALF)
def parameter_histogram(axes, name: str, values: np.ndarray) -> None:
    """The elements of a parameter that is a large table."""
    axes.hist(np.ravel(values), bins=min(40, max(10, int(np.sqrt(np.size(values))))), color=_MODEL)
    axes.set_xlabel(name)
    axes.set_ylabel("elements")


@_as_png((5.4, 4.6))
def calibration_plot(axes, calibration: Calibration) -> None:
    """Observed against predicted click rates."""
    errors = np.nan_to_num(2 * calibration.standard_error)
    top = 1.08 * max(calibration.predicted.max(), (calibration.observed + errors).max())
    axes.plot(
        [0, top],
        [0, top],
        color="grey",
        linestyle="--",
        linewidth=1,
        label="perfect calibration",
    )
    axes.errorbar(
        calibration.predicted,
        calibration.observed,
        errors,
        fmt="o",
        capsize=3,
        color=_MODEL,
        label="± 2 standard errors",
    )
    axes.set_xlim(0, top)
    axes.set_ylim(0, top)
    axes.set_xlabel("predicted click probability")
    axes.set_ylabel("observed click rate")
    axes.legend(frameon=False, loc="upper left")


@_as_png(_HALF)
def click_rate_plot(axes, check: PredictiveCheck) -> None:
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


@_as_png(_HALF)
def survival_plot(axes, histogram: Histogram) -> None:
    """The part of sessions that reach each step, in the log and in the simulations."""
    survival = histogram.survival()
    low, high = survival.interval
    steps = np.arange(1, len(survival.observed) + 1)
    axes.fill_between(
        steps, low, high, step="mid", color=_MODEL, alpha=0.4, linewidth=0, label=_PERCENT_95
    )
    axes.step(steps, survival.observed, where="mid", color=_LOG, linewidth=1, label="log")
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("step")
    axes.set_ylabel("sessions that reach it")
    axes.legend(frameon=False)


@_as_png(_HALF)
def histogram_plot(axes, label: str, histogram: Histogram) -> None:
    """A distribution in the log and in the simulations."""
    low, high = histogram.interval
    edges = histogram.edges
    axes.stairs(
        high,
        edges,
        baseline=low,
        fill=True,
        color=_MODEL,
        alpha=0.4,
        linewidth=0,
        label=_PERCENT_95,
    )
    axes.stairs(histogram.observed, edges, color=_LOG, linewidth=1, label="log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel(label)
    axes.set_ylabel("share")
    axes.legend(frameon=False)
