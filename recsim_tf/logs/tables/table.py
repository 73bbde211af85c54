"""Tables of impressions as logged sessions."""

import logging
import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from recsim_tf.choice import ClicksAndPurchases
from recsim_tf.core.base.types import Nest
from recsim_tf.core.base.validation import check_at_least, check_different, check_plain
from recsim_tf.core.distributions.joint import record
from recsim_tf.logs.session_log import SessionLog, repeat_last_step
from recsim_tf.logs.tables import impressions, parsing
from recsim_tf.logs.tables.arranging import arrange, check_table_order
from recsim_tf.logs.tables.faults import Faults
from recsim_tf.logs.tables.frames import as_frame
from recsim_tf.logs.tables.visits import TableVisits, find_visits

_LOG = logging.getLogger(__name__)


class TableLog(NamedTuple):
    """S sessions of a table, of up to T steps with slates of K documents, and what the log's
    numbers stand for.
    """

    # `documents` are int32 positions in `document_ids`; `response` is int32 [S, T], the position
    # chosen or K, or where a slate may have several clicks int32 [S, T, K], 1 where clicked, or
    # `ClicksAndPurchases` of such
    log: SessionLog
    document_ids: np.ndarray  # [D], the table's documents, sorted, or the vocabulary that was given
    session_ids: np.ndarray  # [S], in order of first appearance
    engagement: Nest  # float32 [S, T, K], 0 where none is logged; () without such a column
    # by name of `user_columns` with text, what the codes in the log's `initial` stand for
    user_values: dict[str, np.ndarray]
    dropped: dict[str, int]  # sessions that were dropped, by the first fault found

    def with_engagement(self) -> SessionLog:
        """The log for models that draw (choice, engagement), as `choice.with_engagement` does: its
        response is the pair of them, int32 and float32 [S, T].

        The engagement is that of the document chosen. Where none is, it is 1, which distributions
        of positive numbers support; models mask it. Where a slate may have several clicks, the pair
        is that of the clicks and of the engagement with each document, [S, T, K], 1 where it is not
        clicked. Raises a ValueError if the table had no engagement.
        """
        if not isinstance(self.engagement, np.ndarray):
            raise ValueError("engagement must be among the columns of the table, got none")
        response, engagement = self.log.response, self.engagement
        if isinstance(response, np.ndarray) and response.ndim == 2:
            padded = np.concatenate([engagement, np.ones_like(engagement[..., :1])], axis=2)
            engagement = np.take_along_axis(padded, response[..., np.newaxis], axis=2)[..., 0]
        else:
            clicked = response.clicked if isinstance(response, ClicksAndPurchases) else response
            engagement = np.where(clicked == 1, engagement, np.float32(1))
        return self.log._replace(response=(response, engagement))


def from_table(
    table: Any,
    columns: Mapping[str, str],
    *,
    attributes: Sequence[str] = (),
    user_columns: Mapping[str, str] = MappingProxyType({}),
    document_ids: Sequence | np.ndarray | None = None,
    slate_size: int | None = None,
    first_position: int = 0,
    departed: bool = True,
    multiple_clicks: bool = False,
    visits: TableVisits | None = None,
    drop_invalid: bool = False,
) -> TableLog:
    """Reads logged sessions from a table with one row for each document shown, an impression.

    `columns` maps roles to names of the table's columns. A number may also be text that reads as
    one. Needed are session, position and document, one of step and timestamp, and one of clicked
    and chosen_document:

      session: ids, numbers or text.
      step: whole numbers. Only their order within a session counts; rows may stand in any order.
      timestamp: numbers, dates or ISO 8601 text, in UTC where no zone is given. Without steps, a
        slate consists of the rows of one time.
      visit: whole numbers, of visits within a lifetime, see `visits`; only their changes count.
      position: whole numbers from `first_position`. Positions that a slate lacks are empty.
      document: ids, numbers or text.
      clicked: 1 in the row of the document chosen, else 0; with purchases or `multiple_clicks` 1 in
        any row.
      chosen_document: id of the document chosen, the same in all rows of a slate; nothing for
        "no click".
      purchased: 1 in the rows of documents that were clicked and purchased, else 0. It goes with
        `clicked`, and the log is for models that draw `ClicksAndPurchases`.
      engagement: numbers, needed in the rows of documents chosen or clicked.
      departed: 1 if the user left after the last step, the same in all rows of a session.

    Features of users and documents are not in the log. Join them by `session_ids` and
    `document_ids`; if a model draws initial attributes of users, put them into the log's `initial`
    by `_replace`.

    Args:
      table: a pandas DataFrame, a pyarrow Table, or the path of a file .csv, .csv.gz, .csv.zip,
        .parquet or .pq.
      columns: names of columns by role.
      attributes: names of columns with numbers that are revealed when a document is shown, such as
        its quality. They become the log's `hidden`: float32 [S, T, K] for one column, else a tuple
        of such arrays in this order.
      user_columns: names of columns that tell of a session's user, by the names of the fields of
        the user model's initial draws. They become the log's `initial`, a dict: numbers are
        float32 [S], NaN where a session has none; text is int32 [S], codes of the sorted texts, -1
        where a session has none. Fields without a column are missing.
      document_ids: [D], all documents that there are; by default those of the table.
      slate_size: K; by default the most impressions that a slate has.
      first_position: number of the first position.
      departed: whether users left after their last steps, if there is no such column.
      multiple_clicks: whether a slate may have several clicks, so that the log is for models that
        draw clicks [B, K], such as `MultipleClickCascade`.
      visits: None, or how a session, which is then the lifetime of a user, consists of visits. The
        log is for `ReturningUsers` who draw nothing beside visit ends and return times when they
        change: these are its `innovation`.
      drop_invalid: leave out the sessions that have a fault, and log their count as a warning.

    Raises:
      FileNotFoundError: if there is no such file.
      ImportError: without pandas, or without pyarrow for Parquet.
      ValueError: for a table without rows or without one of the columns; for the first fault that
        is found, with its row, counted from 0 at the first row of data, and column; if all sessions
        are dropped; and for a `slate_size` below 1 or a vocabulary with repeats.
    """
    if slate_size is not None:
        check_at_least(1, slate_size=slate_size)
    check_at_least(0, first_position=first_position)
    for name, flag in (("departed", departed), ("multiple_clicks", multiple_clicks)):
        check_plain(name, flag, bool)
    check_plain("drop_invalid", drop_invalid, bool)
    if document_ids is not None:
        check_different("document_ids", document_ids)
    check_different("attributes", attributes)
    frame = as_frame(table)
    multiple_clicks = impressions.check_columns(frame, columns, attributes, multiple_clicks)
    documents = [columns[role] for role in ("document", "chosen_document") if role in columns]
    frame = parsing.with_ids_alike(frame, documents)
    _check_visits(visits, columns)
    sessions, session_ids = parsing.codes(frame[columns["session"]])
    missing = sessions < 0
    # Rows without an id count as one session.
    sessions = np.where(missing, len(session_ids), sessions)
    faults = Faults(frame, sessions, drop_invalid)
    faults.refuse(missing, columns["session"], "be a session id", "missing session id")
    of_users, user_values = impressions.read_users(frame, user_columns, sessions, faults)
    shown, vocabulary = impressions.parse(
        frame, columns, attributes, sessions, document_ids, first_position, faults
    )
    if "step" not in columns:
        shown = check_table_order(shown, columns, faults)
    shown, num_positions = arrange(shown, columns, slate_size, multiple_clicks, faults)
    if visits is not None:
        shown = find_visits(shown, columns, frame[columns["timestamp"]], visits, faults)
    if faults.summary:
        _LOG.warning(
            "%s: %s",
            os.fspath(table) if isinstance(table, str | os.PathLike) else "table",
            faults.summary,
        )
    if shown.empty:
        raise ValueError(f"table must have a session without a fault, got none: {faults.summary}")
    places = range(len(attributes))
    log, engagement, kept = _pad(shown, num_positions, places, departed, multiple_clicks)
    log = log._replace(initial={name: values[kept] for name, values in of_users.items()} or ())
    ids = session_ids[kept]
    return TableLog(log, vocabulary, ids, engagement, user_values, faults.dropped)


def _check_visits(visits: TableVisits | None, columns: Mapping[str, str]) -> None:
    if visits is None:
        if "visit" in columns:
            raise ValueError("visits must be a TableVisits for a column 'visit', got None")
    elif not isinstance(visits, TableVisits):
        raise ValueError(f"visits must be a TableVisits or None, got {type(visits).__name__}")
    else:
        visits.check_columns(columns)


def _pad(
    shown: Any, num_positions: int, attributes: Sequence[int], departed: bool, multiple_clicks: bool
) -> tuple[SessionLog, Nest, np.ndarray]:
    """The log of at least one session, the engagement, and the numbers [S] that the sessions
    had.
    """
    kept, row = np.unique(shown["session"], return_inverse=True)
    first_slate = shown.groupby("session")["slate"].transform("first")
    step = (shown["slate"] - first_slate).to_numpy()
    length = np.zeros(len(kept), np.int32)
    np.maximum.at(length, row, (step + 1).astype(np.int32))

    def by_position(values, dtype):
        """[S, T, K], zeros where nothing is shown."""
        padded = np.zeros((len(kept), length.max(), num_positions), dtype)
        padded[row, step, shown["position"]] = values
        return repeat_last_step(padded, length)

    def by_step(column, dtype, fill=0, where=slice(None)):
        """[S, T], of the rows `where`, and `fill` in steps without one."""
        padded = np.full((len(kept), length.max()), fill, dtype)
        padded[row[where], step[where]] = shown[column][where]
        return repeat_last_step(padded, length)

    hidden = tuple(by_position(shown[place], np.float32) for place in attributes)
    left = np.full(len(kept), departed)
    if "departed" in shown:
        left[row] = shown["departed"]
    innovation: Nest = ()
    if "ends" in shown:
        left = shown.groupby("session")["over"].any().to_numpy()
        visit = {name: by_step(name, shown[name].dtype) for name in ("ends", "days")}
        # Of `ReturningUsers` whose other parts draw nothing.
        innovation = record("Innovation", {"visit": record("Visit", visit)})
    engagement: Nest = ()
    if "engagement" in shown:
        engagement = by_position(np.nan_to_num(shown["engagement"]), np.float32)
    response: Nest
    if "purchased" in shown:
        response = ClicksAndPurchases(
            by_position(shown["picked"], np.int32), by_position(shown["purchased"], np.int32)
        )
    elif multiple_clicks:
        response = by_position(shown["picked"], np.int32)
    else:
        response = by_step("position", np.int32, num_positions, shown["picked"].to_numpy())
    log = SessionLog(
        length=length,
        departed=left,
        initial=(),
        documents=by_position(shown["document"], np.int32),
        shown=by_position(True, bool),
        hidden=hidden[0] if len(hidden) == 1 else hidden,
        response=response,
        innovation=innovation,
    )
    return log, engagement, kept
