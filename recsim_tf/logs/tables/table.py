# SPDX-License-Identifier: Apache-2.0
"""Conversion of tables of impressions to logged sessions."""

import logging
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from recsim_tf.choice import ClicksAndPurchases
from recsim_tf.core.base.arguments import Count, WholeNumber, checked
from recsim_tf.core.base.ranges import shown
from recsim_tf.core.base.types import Nest, Observation
from recsim_tf.core.base.validation import check_different
from recsim_tf.core.distributions.joint import record
from recsim_tf.logs.log import Labels, Log, SlateLogProbs
from recsim_tf.logs.tables import parsing
from recsim_tf.logs.tables.agreement import arranged, check_agreement, refuse_repeated
from recsim_tf.logs.tables.candidates import Candidates, read_candidates
from recsim_tf.logs.tables.cells import (
    IDS,
    PROPENSITIES,
    TARGETS,
    Cells,
    by_session,
    check_columns,
    default_columns,
    named_columns,
)
from recsim_tf.logs.tables.faults import Faults
from recsim_tf.logs.tables.frames import as_frame, check_present, column_names, path_of
from recsim_tf.logs.tables.rows import Rows
from recsim_tf.logs.tables.visits import TableVisits, VisitSteps, find_visits

_LOG = logging.getLogger(__name__)
_LARGEST_SLATE = 10_000
_NO_COLUMNS: Mapping[str, str] = MappingProxyType({})


@checked
def from_table(
    table: Any,
    columns: Mapping[str, str] | None = None,
    *,
    attributes: Sequence[str] = (),
    user_columns: Mapping[str, str] = _NO_COLUMNS,
    context: Mapping[str, str] = _NO_COLUMNS,
    candidates: Any = None,
    document_ids: Sequence | np.ndarray | None = None,
    slate_size: Count | None = None,
    first_position: WholeNumber = 0,
    departed: bool | None = None,
    multiple_clicks: bool = False,
    visits: TableVisits | None = None,
    drop_invalid: bool = False,
) -> Log:
    """Reads logged sessions from a table with one row for each document shown, an impression.

    `columns` maps roles to names of the table's columns. A number may also be text that reads as a
    number. Ids are text: 7 and "7" are the same id, "007" is another. An empty text is a missing
    value. Needed are session, position, document, and one of clicked, chosen_document and reward:

      session: ids.
      user: ids, the same in all rows of a session. Sessions of the same user are not independent.
      step: whole numbers. Only their order within a session counts; rows may stand in any order.
      timestamp: numbers, dates or ISO 8601 text, in UTC if no zone is given. Without steps, the
        rows of a session with the same time are a slate. With neither, all rows of a session are a
        slate.
      visit: whole numbers, the visits within a lifetime, see `visits`; only their changes count.
      position: whole numbers from `first_position`. Positions that a slate lacks are empty.
      document: ids, which differ in a slate if the table has probabilities or candidates.
      clicked: 1 in the row of the document chosen, else 0; with purchases or `multiple_clicks`
        several rows may have 1.
      chosen_document: id of the document chosen, the same in all rows of a slate; empty for
        "no click".
      purchased: 1 in the rows of documents that were clicked and purchased, else 0. It needs the
        column `clicked`, and the log is for models that draw `ClicksAndPurchases`.
      engagement: numbers that follow a click, such as dwell times or ratings. An empty cell is
        unknown, and `Log.with_engagement` leaves it out of the likelihood.
      reward: numbers, the reward of the position; without such a column it is 1 for a click.
      departed: 1 if the user left after the last step, the same in all rows of a session; 0 if the
        session was cut.
      propensity, propensity_set: probability in (0, 1] of the slate, or of its documents in any
        order, under the policy that showed it; the same in all rows of a slate.
      propensity_prefix, propensity_position: probability of the slate up to the position, or of the
        position's document at the position.
      target_propensity and so on: such probabilities under the policy to judge, in [0, 1].

    Args:
      table: a pandas DataFrame, a pyarrow Table, or the path of a file .csv, .csv.gz, .csv.zip,
        .parquet or .pq.
      columns: names of columns by role. By default columns are recognised by names that are roles,
        or names of obp, such as `slate_id` and `pscore`.
      attributes: names of columns with numbers that are revealed when a document is shown, such as
        its quality. They become the log's `hidden`: float32 [S, T, K] for one column, else a tuple
        of such arrays in this order.
      user_columns: names of columns with features of a session's user, by the names of the fields
        of the user model's initial draws. They become the log's `initial`, a dict: numbers are
        float32 [S], NaN if a session has none; text is int32 [S], codes of the sorted texts in
        `labels.texts`, -1 if a session has none. Fields without a column are missing.
      context: names of columns with features of a step before its slate is chosen, such as the hour
        or the page, by the names of fields of the user model's initial draws and of its innovation.
        All rows of a step have the same value. The value of the first step is in `initial`, the
        values of later steps are in `innovation`, a dict of [S, T]. The innovation of the last step
        of a session repeats the last context, since no later context is known.
      candidates: a second such table, with the documents that could have been shown, so that
        policies can be evaluated. It has a row for each document of each step, with the columns of
        session, step (or timestamp) and document, and numeric features of the document in all other
        columns. All steps have the same number N. The log's `observation.documents` are the
        features, float32 [S, T, N, P], or without features the documents, int32 [S, T, N];
        `observation.user` has the columns of users and context by name, see also
        `with_observations`. Without such a table all documents are the candidates of each step.
      document_ids: [D], the ids of all documents; by default the ids in the tables.
      slate_size: size of slates K, at most 10,000; by default the largest number of impressions of
        a slate.
      first_position: number of the first position.
      departed: whether users left after their last steps, if there is no such column: False where
        sessions were cut, by a pause or by the end of the log. With None the log does not say, and
        a fit or a simulation of its sessions asks for it.
      multiple_clicks: whether a slate may have several clicks, so that the log is for models that
        draw clicks [B, K], such as `MultipleClickCascade`.
      visits: None, or the rule that divides a session, which is then the lifetime of a user, into
        visits. The log is for `ReturningUsers` whose innovation consists of visit ends and return
        times alone: these are its `innovation`.
      drop_invalid: whether to leave out sessions with a fault. Their number is logged as a warning.
        More than 5 % of the sessions, and more than ten, are not left out for the same fault, since
        an argument such as `multiple_clicks` may be wrong.

    Returns:
      The log. Its `documents` are int32 positions in `labels.document`. Its `response` is int32
      [S, T], the position chosen or K. If a slate may have several clicks, it is int32 [S, T, K], 1
      for a click, or `ClicksAndPurchases` of such arrays.

    Raises:
      FileNotFoundError: if there is no such file.
      ImportError: without pandas, or without pyarrow for Parquet.
      ValueError: for a table without rows or without a named column; for the first fault, with its
        column, its row, counted from 0 at the first row of data, and its line in a file; if all
        sessions are dropped, or too many for one fault; and for a `slate_size` out of range or a
        vocabulary with repeats.
    """
    _check_arguments(attributes, document_ids, slate_size)
    if columns is None:
        columns = default_columns(column_names(table))
    multiple_clicks = check_columns(columns, multiple_clicks)
    _check_visits(visits, columns)
    if visits is not None and context:
        raise ValueError("context must be empty beside visits, whose innovations have no context")
    named = {**user_columns, **context}
    ids = [columns[role] for role in IDS if role in columns]
    frame = as_frame(table, texts=ids, guessed=[*named.values()])
    check_present(frame, (*columns.values(), *attributes, *named.values()))
    session, session_ids = parsing.codes(frame[columns["session"]])
    # All rows without an id count as the same session.
    faults = Faults(
        frame, np.where(session < 0, len(session_ids), session), drop_invalid, path_of(table)
    )
    faults.refuse(session < 0, columns["session"], "be a session id", "missing session id")
    cells = Cells(frame, columns, faults, faults.sessions, first_position)
    cells.read()
    user_ids: Any = ()
    if "user" in columns:
        cells.values["user"], user_ids = parsing.codes(frame[columns["user"]])
        faults.refuse(cells["user"] < 0, columns["user"], "be a user id", "missing user id")
    candidate_rows = None
    if candidates is not None:
        candidate_rows = read_candidates(candidates, columns, session_ids)
    vocabulary = _vocabulary(frame[columns["document"]], document_ids, candidate_rows)
    cells.read_documents(vocabulary, document_ids is not None)
    attribute_values = cells.attributes(attributes)
    user_values, texts = named_columns(frame, user_columns)
    user_values = {
        name: by_session(values, user_columns[name], faults.sessions, faults)
        for name, values in user_values.items()
    }
    context_values, context_texts = named_columns(frame, context)
    for name, values in context_values.items():
        is_valid = np.isfinite(values) if values.dtype.kind == "f" else values >= 0
        allowed = "have a value that float32 holds in each row, as a context"
        faults.refuse(~is_valid, context[name], allowed, f"invalid {context[name]}")
    rows = arranged(cells, slate_size)
    picked = _picked(cells, rows)
    check_agreement(cells, rows, picked, multiple_clicks)
    for name, values in context_values.items():
        differs = ~rows.same_in_step(values[rows.order])
        allowed, reason = "be the same in all rows of a slate", f"{context[name]} differs"
        faults.refuse(differs, context[name], allowed, reason, rows.order)
    slate = None if candidate_rows is None else candidate_rows.slates(cells, rows, vocabulary)
    if slate is not None or not {*PROPENSITIES.values(), *TARGETS.values()}.isdisjoint(columns):
        refuse_repeated(cells, rows)
    rows = rows.where(faults.sound(rows.order))
    visit_steps: VisitSteps | None = None
    if visits is not None and len(rows.order):
        rows, visit_steps = find_visits(rows, cells, visits)
    if faults.summary:
        _LOG.warning("%s: %s", path_of(table) or "table", faults.summary)
    if not len(rows.order):
        raise ValueError(f"table must have a session without a fault, got none: {faults.summary}")

    left: Any = () if departed is None else np.full(len(rows.length), departed)
    if visit_steps is not None:
        left = visit_steps.departed
    elif "departed" in cells:
        left = rows.of_session(cells["departed"])
    hidden = tuple(rows.by_position(values) for values in attribute_values)
    documents = rows.by_position(cells["document"].astype(np.int32))
    first = {name: values[rows.of_session(faults.sessions)] for name, values in user_values.items()}
    later = {name: rows.by_step(values) for name, values in context_values.items()}
    log = Log(
        length=rows.length,
        departed=left,
        initial={**first, **{name: values[:, 0] for name, values in later.items()}} or (),
        documents=documents,
        shown=rows.by_position(np.ones(len(frame), bool)),
        hidden=hidden[0] if len(hidden) == 1 else hidden,
        response=_response(cells, rows, multiple_clicks),
        innovation=_innovation(visit_steps, later),
        engagement=(rows.by_position(cells["engagement"], np.nan) if "engagement" in cells else ()),
        slate=rows.by_position(
            cells["document"].astype(np.int32) if slate is None else slate, fill=-1
        ),
        reward=_reward(cells, rows),
        propensity=_log_probs(cells, rows, PROPENSITIES),
        target=_log_probs(cells, rows, TARGETS),
        labels=Labels(
            session=session_ids[rows.of_session(faults.sessions)],
            user=user_ids[rows.of_session(cells["user"])] if "user" in columns else (),
            document=vocabulary,
            step=rows.by_step(cells["step"]).astype(np.int64) if "step" in columns else (),
            time=rows.by_position(cells["timestamp"]) if "timestamp" in columns else (),
            dates=cells.are_dates,
            attributes=tuple(attributes),
            texts=texts | context_texts,
            dropped=faults.dropped,
        ),
    )
    if candidate_rows is not None:
        log = _with_candidates(log, candidate_rows, cells, rows, first, later)
    return log.check()


def _check_arguments(
    attributes: Any,
    document_ids: Any,
    slate_size: int | None,
) -> None:
    if slate_size is not None and slate_size > _LARGEST_SLATE:
        raise ValueError(f"slate_size must be at most {_LARGEST_SLATE}, got {slate_size}")
    if document_ids is not None:
        check_different("document_ids", document_ids)
        texts = list(parsing.id_texts(document_ids))
        if "" in texts:
            wrong = shown(document_ids[texts.index("")])
            raise ValueError(f"document_ids must be a list of names or ids, got {wrong}")
        check_different("document_ids", texts)
    check_different("attributes", attributes)


def _check_visits(visits: TableVisits | None, columns: Mapping[str, str]) -> None:
    if visits is None:
        if "visit" in columns:
            raise ValueError("visits must be a TableVisits for a column 'visit', got None")
    elif not isinstance(visits, TableVisits):
        raise ValueError(f"visits must be a TableVisits or None, got {type(visits).__name__}")
    else:
        visits.check_columns(columns)


def _vocabulary(column: Any, document_ids: Any, candidate_rows: Candidates | None) -> np.ndarray:
    """The ids of all documents, sorted text [D]; or those of `document_ids` in their order."""
    if document_ids is not None:
        return np.asarray(parsing.id_texts(document_ids), object)
    if candidate_rows is None:
        return parsing.codes(column, ordered=True)[1]
    ids = {*parsing.codes(column)[1], *candidate_rows.ids}
    return np.asarray(parsing.sorted_ids(ids), object)


def _picked(cells: Cells, rows: Rows) -> np.ndarray:
    """True where the document of a row was chosen or clicked, bool [M]."""
    if "clicked" in cells:
        return cells["clicked"][rows.order]
    if "chosen_document" in cells:
        return (cells["document"] == cells["chosen_document"])[rows.order]
    return np.zeros(len(rows.order), bool)


def _response(cells: Cells, rows: Rows, multiple_clicks: bool) -> Nest:
    if not ("clicked" in cells or "chosen_document" in cells):
        return ()
    picked = np.zeros(len(cells.session), np.int32)
    picked[rows.order] = _picked(cells, rows)
    if "purchased" in cells:
        purchased = cells["purchased"].astype(np.int32)
        return ClicksAndPurchases(rows.by_position(picked), rows.by_position(purchased))
    if multiple_clicks:
        return rows.by_position(picked)
    is_chosen = picked[rows.order] == 1
    return rows.by_step(cells["position"].astype(np.int32), rows.slate_size, is_chosen)


def _reward(cells: Cells, rows: Rows) -> Any:
    if "reward" in cells:
        return rows.by_position(cells["reward"])
    picked = np.zeros(len(cells.session))
    picked[rows.order] = _picked(cells, rows)
    return rows.by_position(picked)


def _innovation(visits: VisitSteps | None, context: Mapping[str, np.ndarray]) -> Nest:
    if visits is not None:
        # The innovation of `ReturningUsers` without other innovations.
        visit = record("Visit", {"ends": visits.ends, "days": visits.days})
        return record("Innovation", {"visit": visit})
    return {
        name: np.concatenate([values[:, 1:], values[:, -1:]], axis=1)
        for name, values in context.items()
    } or ()


def _log_probs(cells: Cells, rows: Rows, roles: Mapping[str, str]) -> SlateLogProbs:
    """The log-probabilities of slates. All fields are equal if slates have a single document."""
    log_probs: dict[str, np.ndarray] = {}
    for field, role in roles.items():
        if role in cells:
            with np.errstate(divide="ignore"):
                values = np.log(rows.by_position(cells[role], 1.0))
            if field == "prefix":
                values = np.minimum.accumulate(values, axis=2)
            log_probs[field] = values if field in ("prefix", "position") else values.min(2)
    if "prefix" in log_probs:
        log_probs.setdefault("slate", log_probs["prefix"][..., -1])
    if rows.slate_size == 1 and log_probs:
        values = next(iter(log_probs.values()))
        return SlateLogProbs.of_items(values.reshape(values.shape[:2]))
    return SlateLogProbs(**log_probs)


def _with_candidates(
    log: Log,
    candidate_rows: Candidates,
    cells: Cells,
    rows: Rows,
    users: Mapping[str, np.ndarray],
    context: Mapping[str, np.ndarray],
) -> Log:
    documents, features = candidate_rows.by_step(cells, rows, log.labels.document)
    seen_user: Nest = {
        name: np.repeat(values[:, np.newaxis], log.max_length, axis=1)
        for name, values in users.items()
    } | dict(context)
    if not seen_user:
        seen_user = np.zeros([*log.active.shape, 0], np.float32)
    seen = documents if not features.shape[-1] else features
    return log._replace(
        candidates=documents,
        observation=Observation(seen_user, seen, ()),
        labels=log.labels._replace(features=candidate_rows.names),
    )
