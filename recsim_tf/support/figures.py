"""The figure of matplotlib of every plot, which a notebook shows without pyplot."""

import io
from typing import Any

from matplotlib.figure import Figure

DPI = 120  # of a PNG


class ShownFigure(Figure):
    """A figure that a notebook shows where it is the last line of a cell. It is none of pyplot's,
    whose figures and display belong to the caller, so it is shown once, and is gone when nobody
    holds it.
    """

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, layout="constrained", **options)

    def _repr_png_(self) -> bytes:
        return self.png()

    def png(self) -> bytes:
        """The figure as a PNG."""
        target = io.BytesIO()
        self.savefig(target, format="png", dpi=DPI)
        return target.getvalue()
