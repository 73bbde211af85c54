"""Figures that are drawn without a display."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from recsim_tf.files import whole_file


@contextlib.contextmanager
def figure(target: Path | IO[bytes], size: tuple[float, float] = (9, 4.8)) -> Iterator[Any]:
    """Axes of matplotlib whose figure is written as a PNG at the end.

    Args:
      target: the file.
      size: width and height in inches, at 120 dots each.

    Raises:
      ImportError: if matplotlib is not installed, in one line.
    """
    with figures(target, size, 1, 1) as (axes,):
        yield axes


@contextlib.contextmanager
def figures(
    target: Path | IO[bytes], size: tuple[float, float], rows: int, columns: int
) -> Iterator[list[Any]]:
    """As `figure`, with axes in rows and columns, of which the first row comes first.

    Raises:
      ImportError: if matplotlib is not installed, in one line.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as missing:
        raise ImportError(
            "plots need matplotlib: install recsim-tf[agents] or recsim-tf[fitting]"
        ) from missing
    # Not by pyplot, whose figures and display belong to the caller.
    drawn = Figure(figsize=size, layout="constrained")
    all_axes = list(drawn.subplots(rows, columns, squeeze=False).flat)
    yield all_axes
    for axes in all_axes:
        axes.grid(alpha=0.3)
    with (
        whole_file(target)
        if isinstance(target, Path)
        else contextlib.nullcontext(target) as written
    ):
        drawn.savefig(written, format="png", dpi=120)
