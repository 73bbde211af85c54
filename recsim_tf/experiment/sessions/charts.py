"""Small charts inside a page, as SVG: bars of numbers."""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

# Width and distance of the bars of a chart, and the largest distance in a strip, in pixels.
_BAR, _STEP, _STRIP_STEP = 8, 10, 16


class Bar(NamedTuple):
    """A bar of a chart."""

    value: float  # NaN for none
    kind: str  # the class of its colour
    words: str  # shown where the pointer rests


def bars(values: Sequence[Bar], height: int = 34) -> str:
    """Bars side by side, up from zero or down from it."""
    low, high = _range([bar.value for bar in values])
    zero = height * high / (high - low)
    drawn = []
    for place, bar in enumerate(values):
        end = 0.0 if math.isnan(bar.value) else height * (high - bar.value) / (high - low)
        top, length = min(end, zero), max(abs(end - zero), 1.0)
        shape = "" if math.isnan(bar.value) else _rectangle(place * _STEP, top, _BAR, length)
        drawn.append(f'<g class="{bar.kind}">{shape}<title>{escape(bar.words)}</title></g>')
    width = len(values) * _STEP
    return (
        f'<svg class="bars" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'{"".join(drawn)}<path class="zero" d="M0 {_short(zero)}H{width}"/></svg>'
    )


def strip(values: Sequence[float], height: int = 40) -> str:
    """Many bars without words, over the width of the page where they fill it."""
    low, high = _range(values)
    scale, length = height / (high - low), max(len(values), 1)
    path = "".join(
        f"M{place} {_short(high * scale)}v{_short(-value * scale)}h.8V{_short(high * scale)}z"
        for place, value in enumerate(values)
        if value
    )
    return (
        f'<svg class="strip" style="max-width:{length * _STRIP_STEP}px"'
        f' viewBox="0 0 {length} {height}" preserveAspectRatio="none"><path d="{path}"/>'
        f'<path class="zero" d="M0 {_short(high * scale)}H{length}"/></svg>'
    )


def part(value: float, values: Sequence[float], kind: str = "") -> str:
    """One bar on its line of a table, on the scale of all values of the column."""
    low, high = _range(values)
    if math.isnan(value):
        return ""
    start = 100 * (min(value, 0) - low) / (high - low)
    length = 100 * abs(value) / (high - low)
    return (
        f'<span class="part"><span class="{kind}"'
        f' style="margin-left:{_short(start)}%;width:{_short(length)}%"></span></span>'
    )


def shaded(html: str, value: float, values: Sequence[float]) -> str:
    """A line whose background is a bar, from the least of the values and zero on."""
    low, high = _range(values)
    share = 0.0 if math.isnan(value) else 100 * (value - low) / (high - low)
    return f'<div class="shaded" style="--share:{_short(share)}%">{html}</div>'


def _range(values: Sequence[float]) -> tuple[float, float]:
    """The least and the largest of the values and zero, which differ."""
    known = [value for value in values if math.isfinite(value)]
    low, high = min([0.0, *known]), max([0.0, *known])
    return (low, high) if low < high else (0.0, 1.0)


def _rectangle(left: float, top: float, width: float, height: float) -> str:
    return (
        f'<rect x="{_short(left)}" y="{_short(top)}" width="{_short(width)}"'
        f' height="{_short(height)}"/>'
    )


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") or "0"
