# SPDX-License-Identifier: Apache-2.0
"""The plots of fits and validations."""

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from recsim_tf.core.base.arguments import kind_of
from recsim_tf.fitting.estimates import MOST_ELEMENTS
from recsim_tf.fitting.fit import FitResult
from recsim_tf.fitting.validation.question import Drawing
from recsim_tf.fitting.validation.validation import Validation
from recsim_tf.support.plots import Curve, draw_curves, new_figure


def plot(result: FitResult | Validation) -> Any:
    """A figure of matplotlib. Of a fit it has the log-likelihood through the search, and the
    elements of large parameters; of a validation what was predicted beside what was logged.

    Args:
      result: the result of `fit`, or of `validate`.

    Raises:
      ImportError: if matplotlib is not installed.
      ValueError: if `result` is neither, or is a fit whose search ended before its first pass was
        over.
    """
    if isinstance(result, FitResult):
        drawings = _of_fit(result)
    elif isinstance(result, Validation):
        drawings = list(itertools.chain.from_iterable(each.drawings for each in result.values()))
    else:
        raise ValueError(f"result must be a FitResult or a Validation, got {kind_of(result)}")
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
    axes.hist(np.ravel(values), bins=min(40, max(10, int(np.sqrt(np.size(values))))), color="C0")
    axes.set_xlabel(name)
    axes.set_ylabel("elements")
