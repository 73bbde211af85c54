# SPDX-License-Identifier: Apache-2.0
"""The cells of a table by the roles of its columns, with checks of each row by itself."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from recsim_tf.logs.tables import parsing
from recsim_tf.logs.tables.faults import Faults
from recsim_tf.logs.tables.frames import check_present, check_roles, listed
from recsim_tf.logs.tables.parsing import pandas

# Roles of propensities, by their fields of `SlateLogProbs`.
PROPENSITIES = {
    "slate": "propensity",
    "prefix": "propensity_prefix",
    "position": "propensity_position",
    "set": "propensity_set",
}
TARGETS = {field: f"target_{role}" for field, role in PROPENSITIES.items()}
# Roles of columns with ids.
IDS = ("session", "user", "document", "chosen_document")
_ROLES = (
    *("session", "user", "step", "timestamp", "visit", "position", "document", "clicked"),
    *("chosen_document", "purchased", "engagement", "reward", "departed"),
    *(*PROPENSITIES.values(), *TARGETS.values()),
)
# Default names of columns by role, from obp 0.5.7. Other roles are names of columns themselves.
_OBP_NAMES = {
    "session": "slate_id",
    "document": "action",
    "propensity": "pscore",
    "propensity_prefix": "pscore_cascade",
    "propensity_position": "pscore_item_position",
    "target_propensity": "evaluation_policy_pscore",
    "target_propensity_prefix": "evaluation_policy_pscore_cascade",
    "target_propensity_position": "evaluation_policy_pscore_item_position",
}
UNKNOWN = -2  # a chosen document that is not in the vocabulary
_MAX_POSITION = 2**31


def default_columns(names: Sequence[str]) -> dict[str, str]:
    """The columns of a table by role, recognised by their names. Raises a ValueError if there is
    none.
    """
    by_role = {role: name for role, name in _OBP_NAMES.items() if name in names}
    by_role |= {role: role for role in _ROLES if role in names}
    if not by_role:
        raise ValueError(
            "columns must name the columns of session, position, document and so on, since no"
            f" name is recognised: the table has {listed(names)}"
        )
    return by_role


def check_columns(columns: Mapping[str, str], multiple_clicks: bool) -> bool:
    """True if a slate may have several clicks, which a column of purchases implies. Raises a
    ValueError unless the roles of columns are complete.
    """
    check_roles(columns, _ROLES, ("session", "position", "document"))
    multiple_clicks = multiple_clicks or "purchased" in columns
    for is_complete, role in (
        (
            not {"clicked", "chosen_document"} <= set(columns),
            "one of 'clicked' and 'chosen_document'",
        ),
        (
            not {"clicked", "chosen_document", "reward"}.isdisjoint(columns),
            "one of 'clicked', 'chosen_document' and 'reward'",
        ),
        (
            "clicked" in columns or not multiple_clicks,
            "'clicked', since slates may have several clicks",
        ),
        ("visit" not in columns or "timestamp" in columns, "'timestamp' beside 'visit'"),
    ):
        if not is_complete:
            raise ValueError(f"columns must name a column for {role}, got {dict(columns)}")
    return multiple_clicks


class Cells:
    """The cells of a table, as arrays by role.

    Args:
      frame: the table, R rows.
      columns: names of columns by role.
      faults: the object that refuses faults.
      session: int [R], the session of each row.
      first_position: number of the first position.
    """

    def __init__(
        self,
        frame: Any,
        columns: Mapping[str, str],
        faults: Faults,
        session: np.ndarray,
        first_position: int,
    ):
        self.frame, self.columns, self.faults = frame, columns, faults
        self.session = session
        # Arrays [R] by role: positions are int64 from 0, flags are bool, others are float64.
        self.values: dict[str, np.ndarray] = {}
        self.are_dates = False  # whether timestamps are dates
        self._first_position = first_position

    def __contains__(self, role: str) -> bool:
        return role in self.columns

    def __getitem__(self, role: str) -> np.ndarray:
        return self.values[role]

    def read(self) -> None:
        """Reads all columns except those of documents. A fault has its row and column."""
        first = self._first_position

        def is_position(value):
            return parsing.is_whole(value) & (value >= first) & (value < _MAX_POSITION)

        whole = (parsing.is_whole, "be a whole number", parsing.exact_numbers)
        self._number("step", *whole)
        self._timestamp()
        self._number("position", is_position, f"be a whole number of at least {first}")
        position = self.values["position"]
        position = np.where(is_position(position), position, first).astype(np.int64)
        self.values["position"] = position - first
        self._flag("clicked")
        self._engagement()
        self._flag("departed")
        self._number("visit", *whole)
        self._flag("purchased")
        self._number("reward", np.isfinite, "be a finite number")
        for role in PROPENSITIES.values():
            self._number(role, lambda value: (value > 0) & (value <= 1), "be in (0, 1]")
        for role in TARGETS.values():
            self._number(role, lambda value: (value >= 0) & (value <= 1), "be in [0, 1]")

    def read_documents(self, vocabulary: np.ndarray, is_given: bool) -> None:
        """Reads the columns of documents as positions in a vocabulary, int64 [R]. A chosen document
        is -1 if there is none, and UNKNOWN if it is not in the vocabulary.
        """
        document, _ = parsing.codes(self.frame[self.columns["document"]], vocabulary)
        allowed = "be one of document_ids" if is_given else "be a document id"
        self.faults.refuse(document < 0, self.columns["document"], allowed, "invalid document")
        self.values["document"] = document
        if "chosen_document" in self:
            column = self.frame[self.columns["chosen_document"]]
            chosen, _ = parsing.codes(column, vocabulary)
            is_unknown = (chosen < 0) & ~parsing.is_empty(column)
            self.values["chosen_document"] = np.where(is_unknown, UNKNOWN, chosen)

    def attributes(self, names: Sequence[str]) -> list[np.ndarray]:
        """Columns of finite numbers by their names, float32 [R] each."""
        allowed = "be a finite number that float32 holds"
        return [
            self.faults.numbers(name, np.isfinite, allowed, read=parsing.float32) for name in names
        ]

    def _number(
        self,
        role: str,
        is_allowed: Callable[[np.ndarray], np.ndarray],
        allowed: str,
        read: Callable[[Any], np.ndarray] = parsing.numbers,
    ) -> None:
        if role in self:
            column, reason = self.columns[role], f"invalid {role}"
            self.values[role] = self.faults.numbers(column, is_allowed, allowed, reason, read)

    def _flag(self, role: str) -> None:
        if role in self:
            self.values[role] = self.faults.flags(self.columns[role], f"invalid {role}")

    def _timestamp(self) -> None:
        if "timestamp" in self:
            column = self.columns["timestamp"]
            times, valid, self.are_dates = parsing.timestamps(self.frame[column])
            self.values["timestamp"] = times
            allowed = "be a number in all rows, or a date (ISO 8601) in all rows"
            self.faults.refuse(~valid, column, allowed, "invalid timestamp")
            if not self.are_dates:
                units, rows, counts = np.unique(
                    parsing.per_day(times), return_inverse=True, return_counts=True
                )
                differs = np.isfinite(units).all() & (rows != counts.argmax())
                allowed = "be in the same unit in all rows, such as seconds or milliseconds"
                self.faults.refuse(valid & differs, column, allowed, "other unit of timestamps")

    def _engagement(self) -> None:
        """Reads the engagement. Empty cells are unknown, NaN."""
        if "engagement" in self:
            column = self.columns["engagement"]
            values = parsing.float32(self.frame[column])
            invalid = ~np.isfinite(values) & ~parsing.is_empty(self.frame[column])
            allowed = "be a finite number that float32 holds, or empty"
            self.faults.refuse(invalid, column, allowed, "invalid engagement")
            self.values["engagement"] = values


def named_columns(
    frame: Any, columns: Mapping[str, str]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Columns of users or of a context as arrays [R] by name, and the sorted texts that the codes
    of a column of text stand for, by name.

    Numbers are float32: NaN for an empty cell, and infinite for a number that float32 cannot
    represent. Texts are int32 codes, -1 for an empty cell.
    """
    check_present(frame, tuple(columns.values()))
    values: dict[str, np.ndarray] = {}
    texts: dict[str, np.ndarray] = {}
    for name, column in columns.items():
        kind = parsing.other_kind(frame[column])
        if kind is not None:
            raise ValueError(f"column {column!r} must hold numbers or text, got {kind}")
        is_number = pandas().api.types.is_numeric_dtype(frame[column])
        # A file does not have the type of an empty column. NaN is missing for every model.
        if is_number or parsing.is_empty(frame[column]).all():
            values[name] = parsing.float32(frame[column])
        else:
            codes, texts[name] = parsing.codes(frame[column], ordered=True)
            values[name] = codes.astype(np.int32)
    return values, texts


def by_session(values: np.ndarray, column: str, session: np.ndarray, faults: Faults) -> np.ndarray:
    """The value of each session, [S'], of `named_columns`. Several values in one are refused."""
    number = session.max(initial=-1) + 1
    is_float = values.dtype.kind == "f"
    if is_float:
        too_large, allowed = np.isinf(values), "be a finite number that float32 holds, or empty"
        faults.refuse(too_large, column, allowed, f"invalid {column}")
    is_known = np.isfinite(values) if is_float else values >= 0
    result = np.full(number, np.nan if is_float else -1, values.dtype)
    result[session[is_known]] = values[is_known]
    several = is_known & (values != result[session])
    faults.refuse(several, column, "have one value a session", f"several values of {column}")
    return result
