# SPDX-License-Identifier: Apache-2.0
"""Conversion of tables of turns to logged conversations."""

import enum
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recsim_tf.conversations.acts import Act, Mode, alphabet
from recsim_tf.conversations.types import UNKNOWN, Query, Reply, ReplyDraw, Utterance
from recsim_tf.core.base.arguments import Count, checked
from recsim_tf.core.base.types import Nest
from recsim_tf.core.base.validation import check_different
from recsim_tf.language import Vocabulary
from recsim_tf.logs.log import Labels, Log
from recsim_tf.logs.tables import parsing
from recsim_tf.logs.tables.faults import Faults
from recsim_tf.logs.tables.frames import as_frame, check_present, check_roles, path_of
from recsim_tf.logs.tables.parsing import pandas
from recsim_tf.logs.tables.rows import Rows

_ROLES = ("session", "step", "act", "mode", "value", "words", "dwell", "departed")


@checked
def from_turns(
    table: Any,
    columns: Mapping[str, str],
    *,
    items: Sequence[str],
    attribute_names: Sequence[str],
    attributes: Sequence[str] = (),
    item_ids: Sequence | np.ndarray | None = None,
    vocabulary: Vocabulary | None = None,
    num_chips: Count = 3,
) -> Log:
    """Reads conversations as in `Conversation-v0` from a table with one row for each turn.

    `columns` maps roles to names of the table's columns. Needed are session, step and act, and one
    of mode and words:

      session: ids, numbers or text.
      step: whole numbers. Only their order within a session counts; rows may stand in any order.
      act: the system's act, a name of `Act` or its number.
      mode: the mode of the reply, a name of `Mode` or its number. In a table with words it may be
        empty, for an unknown mode.
      value: the value in the mode, a whole number. It may be empty in a mode with a single value.
        In a table with words it may be empty, for an unknown value.
      words: the words of the user, as text.
      dwell: seconds spent on the chosen item, 0 without a choice. Without the column it is unknown
        if there are words, else 1 second.
      departed: 1 if the user left after the last turn, the same in all rows of a session. Without
        the column all users left.

    Args:
      table: a pandas DataFrame, a pyarrow Table, or the path of a file .csv, .csv.gz, .csv.zip,
        .parquet or .pq.
      columns: names of columns by role.
      items: names of K columns with the ids of the items shown, in the order of positions. A cell
        is empty if the position is. Items of a row differ.
      attribute_names: names of the A attributes.
      attributes: names of columns with the attributes that the act names, each a name of
        attribute_names or empty.
      item_ids: [D], the ids of all items; by default the ids in the table.
      vocabulary: the vocabulary of the words, which a table with words needs.
      num_chips: number of attributes C that a turn can name.

    Returns:
      The log. Its `documents` are int32 positions in `labels.document`. Its `response` is a
      `ReplyDraw`, or an `Utterance` if there are words. Its `initial` is (): tastes are unknown.

    Raises:
      FileNotFoundError: if there is no such file.
      ImportError: without pandas, or without pyarrow for Parquet.
      ValueError: for a table without rows or without a named column; for the first fault, with its
        row, counted from 0 at the first row of data, and column.
    """
    _check_columns(columns, items, attribute_names, attributes, item_ids, vocabulary, num_chips)
    has_words = "words" in columns
    texts = [columns[role] for role in ("session", "words") if role in columns]
    frame = as_frame(table, texts=[*texts, *items, *attributes])
    check_present(frame, (*columns.values(), *items, *attributes))
    sessions, session_ids = parsing.codes(frame[columns["session"]])
    faults = Faults(frame, path=path_of(table))
    faults.refuse(sessions < 0, columns["session"], "be a session id", "missing session id")
    step = faults.numbers(
        columns["step"], parsing.is_whole, "be a whole number", read=parsing.exact_numbers
    )
    act = _members(faults, frame, columns["act"], Act, may_be_empty=False)
    replies = _replies(faults, frame, columns, len(items), len(attribute_names))
    documents, document_ids = _ids(faults, frame, items, item_ids)
    named = np.full([len(frame), num_chips], UNKNOWN, np.int32)
    for column, name in enumerate(attributes):
        named[:, column] = faults.known(name, attribute_names, "be one of attribute_names")
    chosen = replies.symbol - alphabet(len(items), len(attribute_names)).offsets[Mode.CHOOSE]
    is_position = chosen[:, np.newaxis] == np.arange(len(items))
    is_chosen = is_position.any(axis=1)
    empty = (is_position & (documents < 0)).any(axis=1)
    where = columns.get("value", columns["act"])
    faults.refuse(empty, where, "be a position with an item, or none", "choice of nothing")
    dwell = _dwell(faults, columns, replies, is_chosen)
    words = _words(faults, frame, columns["words"], vocabulary) if has_words else None
    left = np.ones(len(session_ids), bool)
    if "departed" in columns:
        flags = faults.flags(columns["departed"])
        left[sessions] = flags
        differs = flags != left[sessions]
        allowed = "be the same in all rows of a session"
        faults.refuse(differs, columns["departed"], allowed, "departed differs")
    every = np.arange(len(frame))
    turns = Rows.of(every, sessions, step, np.zeros_like(every))
    is_repeated = ~turns.begins_step
    faults.refuse(
        is_repeated, columns["step"], "differ from the other steps of its session", "", turns.order
    )

    def by_step(values: np.ndarray) -> np.ndarray:
        return turns.by_step(values)

    response: Nest
    if words is not None:
        response = Utterance(Reply(*map(by_step, replies)), by_step(dwell), by_step(words))
    else:
        # The dwell of no choice is not scored.
        seconds = np.where(dwell > 0, dwell, np.float32(1))
        response = ReplyDraw(by_step(replies.symbol), by_step(seconds))
    log = Log(
        length=turns.length,
        departed=left,
        documents=by_step(np.maximum(documents, 0)),
        shown=by_step(documents >= 0),
        response=response,
        query=Query(by_step(act), by_step(named)),
    )
    return log._replace(labels=Labels(session=session_ids, document=document_ids)).check()


def _check_columns(
    columns: Mapping[str, str],
    items: Sequence[str],
    attribute_names: Sequence[str],
    attributes: Sequence[str],
    item_ids: Sequence | np.ndarray | None,
    vocabulary: Vocabulary | None,
    num_chips: int,
) -> None:
    check_roles(columns, _ROLES, ("session", "step", "act"))
    if "mode" not in columns and "words" not in columns:
        raise ValueError(f"columns must name a column for 'mode' or 'words', got {dict(columns)}")
    if "value" in columns and "mode" not in columns:
        raise ValueError(f"columns must name a column for 'mode' with 'value', got {dict(columns)}")
    check_different("items", items, least=1)
    check_different("attribute_names", attribute_names, least=1)
    check_different("attributes", attributes)
    if item_ids is not None:
        check_different("item_ids", item_ids)
    if len(attributes) > num_chips:
        raise ValueError(f"attributes must be at most num_chips={num_chips}, got {len(attributes)}")
    if "words" in columns and not isinstance(vocabulary, Vocabulary):
        raise ValueError(
            f"vocabulary must be a Vocabulary for a table with words, got {vocabulary}"
        )


def _members(
    faults: Faults, frame: Any, column: str, kind: type[enum.IntEnum], may_be_empty: bool
) -> np.ndarray:
    """The members of an enumeration in a column of names or numbers, int32 [R]; -1 if empty."""
    names = {member.name.lower(): int(member) for member in kind}
    numbers = {str(int(member)): int(member) for member in kind}
    by_text = names | numbers | {f"{number}.0": value for number, value in numbers.items()}
    cells = frame[column]
    codes = cells.map(lambda cell: by_text.get(str(cell).strip().lower(), UNKNOWN))
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
    """The replies of R rows, with `UNKNOWN` for parts that the table does not have."""
    num_rows, has_words = len(frame), "words" in columns
    if "mode" not in columns:
        unknown = np.full(num_rows, UNKNOWN, np.int32)
        return Reply(unknown, unknown)
    mode = _members(faults, frame, columns["mode"], Mode, may_be_empty=has_words)
    replies = alphabet(slate_size, num_attributes)
    sizes, offsets = np.array(replies.sizes), np.array(replies.offsets)
    has_mode = mode != UNKNOWN
    size = np.where(has_mode, sizes[np.maximum(mode, 0)], 1)
    value, is_empty = np.full(num_rows, np.nan), np.ones(num_rows, bool)
    if "value" in columns:
        column = frame[columns["value"]]
        value, is_empty = parsing.numbers(column), column.isna().to_numpy()
    # The value of a mode with a single value may be left out.
    value = np.where(is_empty & has_mode & (size == 1), 0, value)
    is_known = has_mode & parsing.is_whole(value) & (value >= 0) & (value < size)
    is_left_out = is_empty & (has_words | ~has_mode)
    faults.refuse(
        ~is_known & ~is_left_out,
        columns.get("value", columns["mode"]),
        "be a value of its mode, from 0 on" if "value" in columns else "have one value",
        "invalid value",
    )
    value = np.where(is_known, value, 0).astype(np.int64)
    symbol = np.where(is_known, offsets[np.maximum(mode, 0)] + value, UNKNOWN)
    return Reply(mode, symbol.astype(np.int32))


def _dwell(
    faults: Faults, columns: Mapping[str, str], replies: Reply, is_chosen: np.ndarray
) -> np.ndarray:
    """The seconds spent on the items chosen, float32 [R], `UNKNOWN` without a column of them."""
    if "dwell" not in columns:
        return np.full(len(replies.mode), UNKNOWN, np.float32)
    name = columns["dwell"]
    dwell = faults.numbers(name, lambda value: value >= 0, "be 0 or more", read=parsing.float32)
    may_be_chosen = is_chosen | (
        (replies.symbol == UNKNOWN) & np.isin(replies.mode, (UNKNOWN, Mode.CHOOSE))
    )
    faults.refuse(is_chosen & (dwell == 0), name, "be above 0 where an item is chosen", "no dwell")
    faults.refuse(~may_be_chosen & (dwell > 0), name, "be 0 where no item is chosen", "some dwell")
    return dwell


def _words(faults: Faults, frame: Any, column: str, vocabulary: Any) -> np.ndarray:
    """The numbers of the words of a column of texts, int32 [R, L]."""
    cells = frame[column].fillna("")
    is_text = cells.map(
        lambda cell: parsing.is_text(str(cell) if isinstance(cell, numbers.Number) else cell)
    )
    faults.refuse(~is_text.to_numpy(bool), column, "be text of UTF-8", "invalid words")
    return vocabulary.ids(cells.astype(str).tolist()).numpy()


def _ids(
    faults: Faults, frame: Any, items: Sequence[str], item_ids: Sequence | np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """The items shown, int32 [R, K], -1 at empty positions; and the ids of all items, [D]."""
    if item_ids is None:
        pd = pandas()
        # The dtype is object, since columns may have numbers and texts.
        every = pd.concat([frame[name].dropna().astype(object) for name in items])
        item_ids = pd.Index(parsing.codes(every, ordered=True)[1].tolist())
    documents = np.zeros([len(frame), len(items)], np.int32)
    for position, name in enumerate(items):
        item = documents[:, position] = faults.known(name, item_ids, "be one of item_ids")
        is_repeated = (documents[:, :position] == item[:, np.newaxis]).any(axis=1) & (item >= 0)
        faults.refuse(is_repeated, name, "differ from the other items of its row", "item twice")
    return documents, np.asarray(parsing.id_texts(item_ids), object)
