"""Tables of turns as logged conversations."""

import enum
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from recsim_tf.conversations.acts import Act, Mode, alphabet
from recsim_tf.conversations.types import UNKNOWN, Query, Reply, ReplyDraw, Utterance
from recsim_tf.core.types import Nest
from recsim_tf.core.validation import check_at_least
from recsim_tf.fitting.logs.session_log import SessionLog, repeat_last_step
from recsim_tf.fitting.logs.tables import parsing
from recsim_tf.fitting.logs.tables.faults import Faults
from recsim_tf.fitting.logs.tables.frames import as_frame, check_present, check_roles
from recsim_tf.language import Vocabulary

_ROLES = ("session", "step", "act", "mode", "value", "words", "dwell", "departed")


class TurnLog(NamedTuple):
    """S conversations of a table, of up to T turns with slates of K items, and what the log's
    numbers stand for.
    """

    # `documents` are int32 positions in `item_ids`; `response` is a `ReplyDraw`, or an
    # `Utterance` where there are words; `initial` is (), since tastes are unknown
    log: SessionLog
    item_ids: np.ndarray  # [D], the table's items, sorted, or those that were given
    session_ids: np.ndarray  # [S], in order of first appearance


def from_turns(
    table: Any,
    columns: Mapping[str, str],
    *,
    items: Sequence[str],
    attribute_names: Sequence[str],
    attributes: Sequence[str] = (),
    item_ids: Sequence | np.ndarray | None = None,
    vocabulary: Vocabulary | None = None,
    num_chips: int = 3,
) -> TurnLog:
    """Reads conversations of the kind of `Conversation-v0` from a table with one row for each turn.

    `columns` maps roles to names of the table's columns. Needed are session, step and act, and one
    of mode and words:

      session: ids, numbers or text.
      step: whole numbers. Only their order within a session counts; rows may stand in any order.
      act: what the system does, a name of `Act` or its number.
      mode: how the user replies, a name of `Mode` or its number. Where the table has words, it may
        be empty, for an unknown mode.
      value: in the mode, a whole number. Where the table has words, it may be empty.
      words: what the user says, as text.
      dwell: seconds spent on the chosen item, 0 where none is; unknown without the column.
      departed: 1 if the user left after the last turn, the same in all rows of a session. All left
        without the column.

    Args:
      table: a pandas DataFrame, a pyarrow Table, or the path of a file .csv, .csv.gz, .csv.zip,
        .parquet or .pq.
      columns: names of columns by role.
      items: names of K columns with the ids of the items shown, in the order of positions; empty
        where a position is.
      attribute_names: of the A attributes.
      attributes: names of columns with the attributes that the act names, each a name of
        attribute_names or empty.
      item_ids: [D], all items that there are; by default those of the table.
      vocabulary: of the words; needed where there are words.
      num_chips: C, attributes that a turn can name.

    Raises:
      FileNotFoundError: if there is no such file.
      ImportError: without pandas, or without pyarrow for Parquet.
      ValueError: for a table without rows or without one of the columns; for the first fault that
        is found, with its row, counted from 0 at the first row of data, and column.
    """
    frame = as_frame(table)
    check_at_least(1, num_chips=num_chips)
    _check_columns(frame, columns, items, attributes, vocabulary, num_chips)
    sessions, session_ids = parsing.codes(frame[columns["session"]])
    faults = Faults(frame)
    faults.refuse(sessions < 0, columns["session"], "be a session id", "missing session id")
    step = faults.numbers(columns["step"], parsing.is_whole, "be a whole number")
    act = _members(faults, frame, columns["act"], Act, may_be_empty=False)
    replies = _replies(faults, frame, columns, len(items), len(attribute_names))
    documents, known_ids = _ids(faults, frame, items, item_ids)
    named = np.full([len(frame), num_chips], -1, np.int32)
    for column, name in enumerate(attributes):
        codes, _ = parsing.codes(frame[name], attribute_names)
        unknown = (codes < 0) & frame[name].notna().to_numpy()
        faults.refuse(unknown, name, "be one of attribute_names", "unknown attribute")
        named[:, column] = codes
    dwell = np.full(len(frame), float(UNKNOWN))
    if "dwell" in columns:
        dwell = faults.numbers(columns["dwell"], lambda value: value >= 0, "be 0 or more")
    left = np.ones(len(session_ids), bool)
    if "departed" in columns:
        flags = faults.numbers(
            columns["departed"], lambda x: np.isin(x, (0, 1)), "be 0 or 1", read=parsing.flags
        )
        left[sessions] = flags == 1
    order = np.lexsort((step, sessions))
    length = np.bincount(sessions).astype(np.int32)
    row = sessions[order]
    step_number = np.arange(len(order)) - np.repeat(np.cumsum(length) - length, length)
    repeated = np.zeros(len(order), bool)
    repeated[1:] = (row[1:] == row[:-1]) & (step[order][1:] == step[order][:-1])
    faults.refuse(
        repeated, columns["step"], "differ from the other steps of its session", "", order
    )

    def by_step(values: np.ndarray) -> np.ndarray:
        filled = np.zeros([len(length), length.max(), *values.shape[1:]], values.dtype)
        filled[row, step_number] = values[order]
        return repeat_last_step(filled, length)

    response: Nest
    dwell = dwell.astype(np.float32)
    if "words" in columns:
        assert vocabulary is not None  # as checked
        texts = frame[columns["words"]].fillna("").astype(str).tolist()
        words = vocabulary.ids(texts).numpy()
        response = Utterance(Reply(*map(by_step, replies)), by_step(dwell), by_step(words))
    else:
        # The dwell of no choice is not scored.
        seconds = np.where(dwell > 0, dwell, np.float32(1))
        response = ReplyDraw(by_step(replies.symbol), by_step(seconds))
    log = SessionLog(
        length=length,
        departed=left,
        initial=(),
        documents=by_step(np.maximum(documents, 0)),
        shown=by_step(documents >= 0),
        hidden=(),
        response=response,
        innovation=(),
        query=Query(by_step(act), by_step(named)),
    )
    return TurnLog(log, known_ids, session_ids)


def _check_columns(
    frame: Any,
    columns: Mapping[str, str],
    items: Sequence[str],
    attributes: Sequence[str],
    vocabulary: Vocabulary | None,
    num_chips: int,
) -> None:
    check_roles(columns, _ROLES, ("session", "step", "act"))
    if "mode" not in columns and "words" not in columns:
        raise ValueError(f"columns must name a column for 'mode' or 'words', got {dict(columns)}")
    if not len(items):
        raise ValueError("items must name a column for each position of a slate, got none")
    if len(attributes) > num_chips:
        raise ValueError(f"attributes must be at most num_chips={num_chips}, got {len(attributes)}")
    if "words" in columns and not isinstance(vocabulary, Vocabulary):
        raise ValueError(f"vocabulary must be a Vocabulary where there are words, got {vocabulary}")
    check_present(frame, (*columns.values(), *items, *attributes))


def _members(
    faults: Faults, frame: Any, column: str, kind: type[enum.IntEnum], may_be_empty: bool
) -> np.ndarray:
    """int32 [R]: a column of names or numbers of an enumeration; -1 where it is empty."""
    names = {member.name.lower(): int(member) for member in kind}
    numbers = {str(int(member)): int(member) for member in kind}
    known = names | numbers | {f"{number}.0": value for number, value in numbers.items()}
    cells = frame[column]
    codes = cells.map(lambda cell: known.get(str(cell).strip().lower(), UNKNOWN))
    values = codes.to_numpy(np.int32)
    wrong = values < 0
    if may_be_empty:
        wrong &= cells.notna().to_numpy()
    allowed = f"be one of {', '.join(names)}, or its number"
    faults.refuse(wrong, column, allowed, f"invalid {column}")
    return values


def _replies(
    faults: Faults, frame: Any, columns: Mapping[str, str], slate_size: int, num_attributes: int
) -> Reply:
    """The replies of R rows, as far as the table has them."""
    num_rows, has_words = len(frame), "words" in columns
    if "mode" not in columns:
        unknown = np.full(num_rows, UNKNOWN, np.int32)
        return Reply(unknown, unknown)
    mode = _members(faults, frame, columns["mode"], Mode, may_be_empty=has_words)
    replies = alphabet(slate_size, num_attributes)
    sizes, offsets = np.array(replies.sizes), np.array(replies.offsets)
    has_mode = mode != UNKNOWN
    size = np.where(has_mode, sizes[np.maximum(mode, 0)], 1)
    value, is_empty = np.zeros(num_rows), size > 1
    if "value" in columns:
        column = frame[columns["value"]]
        value = parsing.numbers(column)
        # The value of a mode that has one value may be left out.
        value = np.where(column.isna().to_numpy() & (size == 1), 0, value)
        is_empty = np.isnan(value)
    is_known = parsing.is_whole(value) & (value >= 0) & (value < size)
    is_left_out = is_empty & has_words
    where = columns.get("value", columns["mode"])
    faults.refuse(
        has_mode & ~is_known & ~is_left_out,
        where,
        "be a value of its mode, from 0 on",
        "invalid value",
    )
    symbol = offsets[np.maximum(mode, 0)] + np.nan_to_num(value).astype(np.int64)
    symbol = np.where(has_mode & ~is_left_out, symbol, UNKNOWN)
    return Reply(mode, symbol.astype(np.int32))


def _ids(faults: Faults, frame: Any, items: Sequence[str], item_ids: Sequence | np.ndarray | None):
    """int32 [R, K]: the items shown, -1 where none is; and their ids [D]."""
    if item_ids is None:
        item_ids = np.unique(np.concatenate([frame[name].dropna().to_numpy() for name in items]))
    found = np.zeros([len(frame), len(items)], np.int32)
    for position, name in enumerate(items):
        codes, _ = parsing.codes(frame[name], item_ids)
        unknown = (codes < 0) & frame[name].notna().to_numpy()
        faults.refuse(unknown, name, "be one of item_ids", "unknown item")
        found[:, position] = codes
    return found, np.asarray(item_ids)
