# SPDX-License-Identifier: Apache-2.0
"""The matplotlib figure of every plot, which a notebook shows without pyplot."""

import io
from typing import Any

from matplotlib.figure import Figure

DPI = 120  # dots per inch of a PNG


class ShownFigure(Figure):
    """A figure that a notebook shows where it is the last line of a cell. It is not a figure of
    pyplot, whose figures and display belong to the caller. So it is shown once, and is deleted with
    its last reference.
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
