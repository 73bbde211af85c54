# SPDX-License-Identifier: Apache-2.0
"""The description of a table."""

from collections.abc import Mapping
from typing import NamedTuple


class Table(NamedTuple):
    """The description of a table of measurements, see `tables`."""

    label: str  # the header of the labels; "|" separates several
    rows: Mapping[str, str]  # by the label of a row, its key
    columns: Mapping[str, str]  # by the header of a column, the text of its cells
