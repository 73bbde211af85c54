# SPDX-License-Identifier: Apache-2.0
"""The figures in the sentences of README and docs, which quote result files.

A figure is a number with three digits, or with two and a decimal point, beside the zeros at its
ends. Others are counts, such as 1,000 sessions, or settings, such as 0.5. A sentence may quote a
result as it is, in per cent, in thousands or in millions, with as many digits as it likes.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

# Sizes of the code and of data sets, constants, statuses, and results of papers.
CONSTANTS = {
    "1.96": "the normal quantile of a 95 % interval",
    "3.7": "the Python of RecSim",
    "3.11": "the Python of RecSim NG",
    "108": "features of RecSim NG",
    "128": "numbers of a row of a TPU",
    "143": "the exit status after SIGTERM",
    "174.6": "the return of the best agent of the SlateQ paper",
    "256": "bytes of a tiny kernel",
    "336": "dialogues of IARD",
    "943": "users of MovieLens-100K",
    "2,048": "users of the quickstart",
    "5,991": "judgements of SoftAttributes",
    "8,192": "users of a part of an evaluation",
}
# Code, tables that are written, addresses, references, versions and numbers of rows.
_NO_SENTENCE = re.compile(
    r"^```.*?^```$|^<!-- table .*?^<!-- end -->$|`[^`]*`|\]\([^)]*\)|https://\S+|arXiv [\d.]+"
    r"|(?:Python|TensorFlow) [\d.]+(?:(?:,| or| to) [\d.]+)*|Apache-2\.0|\d+(?:\.\d+){2,}"
    r"|\b(?:19|20)\d\d\b|^\| \d+ \|",
    re.MULTILINE | re.DOTALL,
)
_NUMBER = re.compile(
    r"(?<![\w.^])(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(?!\w)(?:\s(%|thousand|million))?"
)
_NO_POINTS = str.maketrans("", "", ",.")
_UNITS = {"": (1.0,), "%": (0.01, 1.0), "thousand": (1e3,), "million": (1e6,)}
# Below these names result files have figures, beside the machine and single measurements.
_FIGURES = re.compile(r"/(?:figures|returns|rows)/")


def _is_figure(digits: str, decimals: str) -> bool:
    return len((digits + decimals).translate(_NO_POINTS).strip("0")) >= (2 if decimals else 3)


def figures_of(text: str) -> list[tuple[str, str]]:
    """The figures in the sentences of a page, and the units that they are in."""
    numbers = _NUMBER.findall(_NO_SENTENCE.sub(" ", text))
    return [
        (digits + decimals, unit)
        for digits, decimals, unit in numbers
        if _is_figure(digits, decimals)
    ]


def unheld(text: str, results: Mapping[str, Any]) -> list[str]:
    """The figures of a page that are neither a rounded result nor a constant."""
    values = [
        abs(value)
        for path, value in results.items()
        if _FIGURES.search(path) and isinstance(value, int | float) and math.isfinite(value)
    ]
    return [
        number
        for number, unit in figures_of(text)
        if number not in CONSTANTS
        and not any(
            number == f"{value / scale:,.{len(number.partition('.')[2])}f}"
            for scale in _UNITS[unit]
            for value in values
        )
    ]
