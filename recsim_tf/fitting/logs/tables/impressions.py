"""The rows of a table, parsed: what can be judged of each row by itself."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core.types import Nest
from recsim_tf.fitting.logs.tables import parsing
from recsim_tf.fitting.logs.tables.faults import Faults
from recsim_tf.fitting.logs.tables.frames import check_present, check_roles

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


class Impressions(NamedTuple):
    """M documents shown, [M] each; `()` stands for what the table lacks."""

    row: np.ndarray  # int64, the row of the table
    session: np.ndarray  # int64
    step: Nest  # float64, whole numbers
    timestamp: Nest  # float64 or int64
    visit: Nest  # float64, whole numbers
    position: np.ndarray  # int64, from 0
    document: np.ndarray  # int64, position in the vocabulary
    clicked: Nest  # bool
    # int64, the document chosen in this slate, -1 for none, UNKNOWN for one that is not in the
    # vocabulary
    chosen: Nest
    purchased: Nest  # bool
    engagement: Nest  # float32
    departed: Nest  # bool
    attributes: tuple  # of float32

    def take(self, index: np.ndarray) -> "Impressions":
        return tf.nest.map_structure(lambda leaf: leaf[index], self)


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
) -> tuple[Impressions, np.ndarray]:
    """The rows of a table that are without a fault, and the vocabulary of documents, [D]; with the
    arguments of `from_table`, and the session of each row, int64 [R].
    """

    def number(role, is_allowed, allowed, read=parsing.numbers):
        """The column of a role as numbers [R], or () where there is none."""
        if role not in columns:
            return ()
        return faults.numbers(columns[role], is_allowed, allowed, f"invalid {role}", read)

    def flag(role):
        """The column of a role as bool [R], or () where there is none."""
        return faults.flags(columns[role], f"invalid {role}") if role in columns else ()

    step = number("step", parsing.is_whole, "be a whole number", parsing.exact_numbers)
    timestamp: Nest = ()
    if "timestamp" in columns:
        timestamp, valid = parsing.timestamps(frame[columns["timestamp"]])
        faults.refuse(
            ~valid, columns["timestamp"], "be a number or a date (ISO 8601)", "invalid timestamp"
        )

    def is_position(value):
        return parsing.is_whole(value) & (value >= first_position) & (value < _MAX_POSITION)

    position = number("position", is_position, f"be a whole number of at least {first_position}")
    document, vocabulary = parsing.codes(frame[columns["document"]], document_ids, ordered=True)
    known = "be a document id" if document_ids is None else "be one of document_ids"
    faults.refuse(document < 0, columns["document"], known, "invalid document")
    clicked = flag("clicked")
    chosen: Nest = ()
    if "chosen_document" in columns:
        column = frame[columns["chosen_document"]]
        chosen, _ = parsing.codes(column, vocabulary)
        chosen = np.where((chosen < 0) & column.notna().to_numpy(), UNKNOWN, chosen)
    engagement: Nest = ()
    if "engagement" in columns:
        column = frame[columns["engagement"]]
        engagement = parsing.float32(column)
        # That a chosen document has some is judged with its slate.
        invalid = ~np.isfinite(engagement) & column.notna().to_numpy()
        faults.refuse(invalid, columns["engagement"], "be a finite number", "invalid engagement")
    departed = flag("departed")
    values = [
        faults.numbers(name, np.isfinite, "be a finite number", read=parsing.float32)
        for name in attributes
    ]
    rows = np.arange(len(frame))
    everything = Impressions(
        rows,
        sessions,
        step,
        timestamp,
        number("visit", parsing.is_whole, "be a whole number", parsing.exact_numbers),
        position,
        document,
        clicked,
        chosen,
        flag("purchased"),
        engagement,
        departed,
        tuple(values),
    )
    sound = everything.take(faults.sound(rows))
    return sound._replace(position=sound.position.astype(np.int64) - first_position), vocabulary
