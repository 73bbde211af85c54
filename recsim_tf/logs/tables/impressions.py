"""The rows of a table, parsed: what can be judged of each row by itself."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recsim_tf.logs.tables import parsing
from recsim_tf.logs.tables.faults import Faults
from recsim_tf.logs.tables.frames import check_present, check_roles, pandas

_ROLES = (
    "session",
    "step",
    "timestamp",
    "visit",
    "position",
    "document",
    "clicked",
    "chosen_document",
    "purchased",
    "engagement",
    "departed",
)
UNKNOWN = -2
_MAX_POSITION = 2**31


def check_columns(
    frame: Any, columns: Mapping[str, str], attributes: Sequence[str], multiple_clicks: bool
) -> bool:
    """Whether a slate may have several clicks, as it may where there are purchases. Raises a
    ValueError unless the roles of columns are complete and the table has the columns and
    attributes.
    """
    check_roles(columns, _ROLES, ("session", "position", "document"))
    multiple_clicks = multiple_clicks or "purchased" in columns
    for is_there, role in (
        ("step" in columns or "timestamp" in columns, "'step' or 'timestamp'"),
        (
            ("clicked" in columns) != ("chosen_document" in columns),
            "one of 'clicked' and 'chosen_document'",
        ),
        (
            "clicked" in columns or not multiple_clicks,
            "'clicked', since slates may have several clicks",
        ),
    ):
        if not is_there:
            raise ValueError(f"columns must name a column for {role}, got {dict(columns)}")
    check_present(frame, (*columns.values(), *attributes))
    return multiple_clicks


def parse(
    frame: Any,
    columns: Mapping[str, str],
    attributes: Sequence[str],
    sessions: np.ndarray,
    document_ids: Sequence | np.ndarray | None,
    first_position: int,
    faults: Faults,
) -> tuple[Any, np.ndarray]:
    """The impressions, which are the rows of a table that are without a fault, and the vocabulary
    of documents, [D]; with the arguments of `from_table`, and the session of each row, int64 [R].

    The impressions are a DataFrame whose index is the row of the table. Its columns are "session",
    the number of each attribute, and the roles that the table has: positions are int64 from 0,
    documents int64 positions in the vocabulary, and a chosen document is -1 where there is none,
    and UNKNOWN where it is not in the vocabulary.
    """
    found: dict[Any, np.ndarray] = {"session": sessions}

    def number(role, is_allowed, allowed, read=parsing.numbers):
        if role in columns:
            reason = f"invalid {role}"
            found[role] = faults.numbers(columns[role], is_allowed, allowed, reason, read)

    def flag(role):
        if role in columns:
            found[role] = faults.flags(columns[role], f"invalid {role}")

    def is_position(value):
        return parsing.is_whole(value) & (value >= first_position) & (value < _MAX_POSITION)

    number("step", parsing.is_whole, "be a whole number", parsing.exact_numbers)
    if "timestamp" in columns:
        found["timestamp"], valid = parsing.timestamps(frame[columns["timestamp"]])
        allowed = "be a number or a date (ISO 8601)"
        faults.refuse(~valid, columns["timestamp"], allowed, "invalid timestamp")
    number("position", is_position, f"be a whole number of at least {first_position}")
    document, vocabulary = parsing.codes(frame[columns["document"]], document_ids, ordered=True)
    found["document"] = document
    known = "be a document id" if document_ids is None else "be one of document_ids"
    faults.refuse(document < 0, columns["document"], known, "invalid document")
    flag("clicked")
    if "chosen_document" in columns:
        column = frame[columns["chosen_document"]]
        chosen, _ = parsing.codes(column, vocabulary)
        is_unknown = (chosen < 0) & column.notna().to_numpy()
        found["chosen_document"] = np.where(is_unknown, UNKNOWN, chosen)
    if "engagement" in columns:
        column = frame[columns["engagement"]]
        found["engagement"] = parsing.float32(column)
        # That a chosen document has some is judged with its slate.
        invalid = ~np.isfinite(found["engagement"]) & column.notna().to_numpy()
        faults.refuse(invalid, columns["engagement"], "be a finite number", "invalid engagement")
    flag("departed")
    for place, name in enumerate(attributes):
        found[place] = faults.numbers(name, np.isfinite, "be a finite number", read=parsing.float32)
    number("visit", parsing.is_whole, "be a whole number", parsing.exact_numbers)
    flag("purchased")
    impressions = pandas().DataFrame(found)
    impressions = impressions[faults.sound(impressions.index)]
    position = impressions["position"].astype(np.int64) - first_position
    return impressions.assign(position=position), vocabulary


def read_users(
    frame: Any, columns: Mapping[str, str], sessions: np.ndarray, faults: Faults
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Columns by name as arrays [S'], one value for each number in `sessions` [R]; and by name what
    the codes of a column of text stand for, sorted.

    Numbers are float32, NaN where a session has none. Text is int32 codes, -1 where it has none. A
    column must have one value a session, apart from empty cells; others are refused by `faults`.
    """
    if not isinstance(columns, Mapping):
        raise ValueError(f"user_columns must map names to columns of the table, got {columns!r}")
    check_present(frame, tuple(columns.values()))
    found: dict[str, np.ndarray] = {}
    categories: dict[str, np.ndarray] = {}
    for name, column in columns.items():
        if pandas().api.types.is_numeric_dtype(frame[column]):
            values = parsing.float32(frame[column])
            known, empty = np.isfinite(values), np.nan
        else:
            codes, categories[name] = parsing.codes(frame[column], ordered=True)
            values, known, empty = codes.astype(np.int32), codes >= 0, -1
        found[name] = np.full(sessions.max(initial=-1) + 1, empty, values.dtype)
        found[name][sessions[known]] = values[known]
        several = known & (values != found[name][sessions])
        faults.refuse(several, column, "have one value a session", f"several values of {column}")
    return found, categories
