# SPDX-License-Identifier: Apache-2.0
"""Charts by matplotlib without a display: lines with bands, estimates with intervals, axes."""

import contextlib
import itertools
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from recsim_tf.support.files import whole_file

_ENDINGS = (".png", ".pdf", ".svg")
_DPI = 120  # dots per inch of a PNG
# More lines would not have distinct colours, or a readable legend.
_COLOURS = 10
# The points of a line are not marked from this number on.
_MANY_POINTS = 100


def new_figure(size: tuple[float, float] = (9, 4.8), rows: int = 1, columns: int = 1) -> Any:
    """A figure of matplotlib, of a size in inches, with `axes` in rows and columns, listed row by
    row. A notebook shows it, and `write_figure` writes it. Raises an ImportError if matplotlib is
    not installed; the message is one line.
    """
    try:
        from recsim_tf.support.figures import ShownFigure
    except ImportError as missing:
        raise ImportError(
            "plots need matplotlib: install recsim-tf[agents] or recsim-tf[fitting]"
        ) from missing
    drawn = ShownFigure(figsize=size)
    for axes in drawn.subplots(rows, columns, squeeze=False).flat:
        axes.grid(alpha=0.3)
    return drawn


def plot(draw: Callable[..., None], *arguments: Any, size: tuple[float, float] = (9, 4.8)) -> Any:
    """The figure that `draw(axes, *arguments)` draws. `size` is the argument of `new_figure`."""
    drawn = new_figure(size)
    draw(*drawn.axes, *arguments)
    return drawn


def write_figure(drawn: Any, path: str | os.PathLike) -> None:
    """Writes a figure as PNG, PDF or SVG; a ValueError refuses another ending of the path."""
    _check_ending(path)
    with whole_file(Path(path)) as written:
        drawn.savefig(written, format=Path(path).suffix[1:], dpi=_DPI)


@contextlib.contextmanager
def figure(path: str | os.PathLike, size: tuple[float, float] = (9, 4.8)) -> Iterator[Any]:
    """A context with axes; at its end `write_figure` writes the figure of this `size`."""
    with figures(path, size, 1, 1) as (axes,):
        yield axes


@contextlib.contextmanager
def figures(
    path: str | os.PathLike, size: tuple[float, float], rows: int, columns: int
) -> Iterator[Sequence[Any]]:
    """A context with axes, listed row by row, whose figure is written at the end."""
    _check_ending(path)
    drawn = new_figure(size, rows, columns)
    yield drawn.axes
    write_figure(drawn, path)


def _check_ending(path: str | os.PathLike) -> None:
    if Path(path).suffix not in _ENDINGS:
        raise ValueError(f"the name of a plot must end in {', '.join(_ENDINGS)}, got {path}")


class Curve(NamedTuple):
    """A line over x with a band around it. All arrays are [P]."""

    label: str
    x: Sequence[float] | np.ndarray
    y: Sequence[float] | np.ndarray
    low: Sequence[float] | np.ndarray | None = None  # None for no band
    high: Sequence[float] | np.ndarray | None = None


class Estimate(NamedTuple):
    """A number with its interval."""

    label: str
    value: float
    low: float
    high: float
    points: Sequence[float] = ()  # the values behind the estimate


def draw_curves(
    axes: Any, curves: Sequence[Curve], levels: Mapping[str, float] | None = None
) -> None:
    """Draws curves, and levels as horizontal lines by name, with a legend of the first ten curves
    below the chart where there is more than one line.
    """
    drawn = []
    for curve, colour in zip(curves, colours(len(curves)), strict=True):
        marker = "o" if len(curve.x) < _MANY_POINTS else ""
        line = {"color": colour, "linewidth": 2, "marker": marker, "markersize": 3.5}
        drawn += axes.plot(curve.x, curve.y, label=curve.label, **line)
        if curve.low is not None:
            alpha = 0.2 if len(curves) <= _COLOURS else 0.08
            axes.fill_between(
                curve.x, curve.low, curve.high, color=colour, alpha=alpha, linewidth=0
            )
    shown = [*drawn[:_COLOURS], *_draw_levels(axes.axhline, levels or {})]
    if len(shown) > 1:
        _draw_legend_below(axes, shown, len(curves))


def _draw_legend_below(axes: Any, lines: Sequence[Any], num_curves: int) -> None:
    """Draws a legend of these lines, whose labels may be long, and makes room for it."""
    title = None
    if num_curves > _COLOURS:
        title = f"the first {_COLOURS} of {num_curves} lines, from dark to light"
    longest = max(len(line.get_label()) for line in lines)
    columns = 2 if len(lines) > 4 and longest < 50 else 1
    chart = axes.figure
    chart.set_figheight(chart.get_figheight() + 0.2 * math.ceil(len(lines) / columns))
    place = {"loc": "outside lower center", "ncols": columns, "frameon": False, "fontsize": 9}
    chart.legend(handles=lines, title=title, **place)


def draw_estimates(
    axes: Any, estimates: Sequence[Estimate], levels: Mapping[str, float] | None = None
) -> None:
    """Draws estimates with their intervals below each other, the first on top, a stroke for each
    point, and levels as vertical lines by name.
    """
    for row, (each, colour) in enumerate(zip(estimates, colours(len(estimates)), strict=True)):
        interval = [[each.value - each.low], [each.high - each.value]]
        axes.errorbar(
            each.value, row, xerr=interval, fmt="o", color=colour, capsize=5, linewidth=2, zorder=3
        )
        axes.plot(each.points, [row - 0.18] * len(each.points), "|", color="0.25", markersize=6)
    axes.set_yticks(range(len(estimates)), [each.label for each in estimates], fontsize=9)
    axes.set_ylim(len(estimates) - 0.4, -0.6)
    _draw_levels(axes.axvline, levels or {})
    if levels:
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=9)


def _draw_levels(draw_line: Callable[..., Any], levels: Mapping[str, float]) -> list[Any]:
    grey = {"color": "0.35", "linewidth": 1.2}
    return [
        draw_line(value, label=f"{name} {value:.1f}", linestyle=style, **grey)
        for (name, value), style in zip(levels.items(), itertools.cycle(("--", ":", "-.")))
    ]


def colours(count: int) -> Sequence[Any]:
    """Colours of matplotlib, from a scale where `count` is above ten."""
    if count <= _COLOURS:
        return [f"C{index}" for index in range(count)]
    from matplotlib import colormaps

    # The end of the scale is too light for lines.
    return [colormaps["viridis"](0.9 * index / (count - 1)) for index in range(count)]
