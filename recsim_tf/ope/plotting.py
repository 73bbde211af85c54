# SPDX-License-Identifier: Apache-2.0
"""Plots of policies judged from a log."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recsim_tf.ope.diagnostics import WeightDiagnostics
from recsim_tf.ope.results import Estimate, Result, Results
from recsim_tf.support.plots import new_figure
from recsim_tf.support.tables import label, number


def plot(
    results: Result | Mapping[str, Result],
    truth: Estimate | Mapping[str, Estimate] | None = None,
) -> Any:
    """A figure of matplotlib: estimates with their intervals, one below the other, and lines for
    the log and the truth. Estimates that are not to be believed are hollow.

    Args:
      results: the result of `evaluate`; or the results of `compare`, of which the policies in
        `Results.shown` are drawn.
      truth: the result of `ope.truth`, where it is known; by name of the policy for several
        results.

    Raises:
      ImportError: if matplotlib is not installed.
    """
    named = {"": results} if isinstance(results, Result) else results
    truths = {"": truth} if truth is None or isinstance(truth, Estimate) else truth
    shown = Results(named).shown
    heights = [1.6 + 0.45 * len(named[name]) for name in shown]
    figure = new_figure((9, sum(heights)), len(shown))
    for axes, name in zip(figure.axes, shown, strict=True):
        _draw(axes, named[name], truths.get(name))
        axes.set_title(label(name))
    return figure


def _draw(axes: Any, result: Result, truth: Estimate | None = None) -> None:
    rows = list(result.items())
    ends = [result.logged.value, *result.logged.interval]
    for each in result.values():
        ends += each.interval if each.verdict.is_believable else ()
    ends += () if truth is None else truth.interval
    shown = [end for end in ends if np.isfinite(end)]  # The error for a single user is not known.
    margin = 0.25 * np.ptp(shown) or 1.0
    left, right = np.min(shown) - margin, np.max(shown) + margin
    # Estimates that are not to be believed may lie outside of the axes.
    axes.set_xlim(left, right)
    place = {"transform": axes.get_yaxis_transform(), "color": "0.4"}
    for row, (_, estimate) in enumerate(rows):
        is_usable = estimate.verdict.is_believable
        low, high = estimate.interval
        axes.errorbar(
            estimate.value,
            row,
            xerr=[[estimate.value - low], [high - estimate.value]],
            fmt="o",
            color="C0" if is_usable else "0.6",
            markerfacecolor="C0" if is_usable else "white",
            capsize=4,
            linewidth=2 if is_usable else 1,
        )
        if estimate.value > right:
            axes.text(
                0.99,
                row - 0.2,
                f"{number(estimate.value)} \N{RIGHTWARDS ARROW}",
                ha="right",
                **place,
            )
        elif estimate.value < left:
            axes.text(0.01, row - 0.2, f"\N{LEFTWARDS ARROW} {number(estimate.value)}", **place)
    logged = {"color": "0.35", "linewidth": 1.2, "linestyle": "--"}
    axes.axvline(result.logged.value, label=f"the log {number(result.logged.value)}", **logged)
    if truth is not None:
        label = f"rollouts {number(truth.value)}"
        axes.axvspan(*truth.interval, color="C2", alpha=0.4, label=label)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel("mean return of a session; hollow: not to be believed")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=9)


def draw_shares(axes: Any, weights: WeightDiagnostics) -> None:
    """Draws the shares of the weight that the heaviest sessions have together."""
    sessions = np.arange(1, len(weights.shares) + 1)
    axes.plot(sessions, weights.shares, linewidth=2)
    axes.axhline(0.5, color="0.35", linewidth=1, linestyle="--")
    axes.set_xscale("log")
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("sessions, the heaviest first")
    axes.set_ylabel("share of all weight")
