# SPDX-License-Identifier: Apache-2.0
"""Tables of the candidates of each step."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from recsim_tf.logs.log import repeat_last_step
from recsim_tf.logs.tables import parsing
from recsim_tf.logs.tables.cells import Cells
from recsim_tf.logs.tables.faults import Faults
from recsim_tf.logs.tables.frames import as_frame, check_present, path_of
from recsim_tf.logs.tables.parsing import pandas
from recsim_tf.logs.tables.rows import Rows


class Candidates(NamedTuple):
    """R candidates of G steps, in the order of steps and then of ids."""

    document: np.ndarray  # int [R], positions in `ids`
    features: np.ndarray  # float32 [R, P]
    names: tuple[str, ...]  # names of the P features
    ids: np.ndarray  # text [D], sorted
    steps: Any  # a MultiIndex [G] of the numbers of sessions, and the numbers or times of steps
    first: np.ndarray  # int [G + 1], the first candidate of each step, and R

    @property
    def number(self) -> int:
        """The number of candidates that most steps have, N."""
        return int(np.bincount(np.diff(self.first)).argmax())

    def of_rows(self, cells: Cells, rows: Rows) -> np.ndarray:
        """The number of each row's step among G steps, int [M]; -1 for one without candidates."""
        place = [cells.session[rows.order], _steps(cells)[rows.order]]
        index = pandas().MultiIndex.from_arrays([_exact(values) for values in place])
        return self.steps.get_indexer(index)

    def slates(self, cells: Cells, rows: Rows, vocabulary: np.ndarray) -> np.ndarray:
        """The position of each impression's document among the candidates of its step, int32 [R'].
        Refuses steps whose number of candidates differs from that of most steps, and documents that
        are not candidates.
        """
        step = self.of_rows(cells, rows)
        size = np.append(np.diff(self.first), 0)[step]
        column = cells.columns["document"]
        allowed = f"be of a step with {self.number} candidates, as most steps have"
        reason = "other number of candidates"
        cells.faults.refuse(size != self.number, column, allowed, reason, rows.order)
        document = _index(self.ids).get_indexer(vocabulary)[cells["document"][rows.order]]
        # Candidates are sorted by these numbers.
        candidate_step = np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))
        numbers = candidate_step * len(self.ids) + self.document
        place = np.searchsorted(numbers, step * len(self.ids) + document)
        place = np.minimum(place, len(numbers) - 1)
        is_candidate = (candidate_step[place] == step) & (self.document[place] == document)
        allowed, reason = "be one of the candidates of its step", "document is no candidate"
        cells.faults.refuse(~is_candidate, column, allowed, reason, rows.order)
        slate = np.zeros(len(cells.session), np.int32)
        slate[rows.order] = place - self.first[step]
        return slate

    def by_step(
        self, cells: Cells, rows: Rows, vocabulary: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Documents as positions in a vocabulary, int32 [S, T, N], and their features, float32
        [S, T, N, P]. Steps after the end of a session repeat its last step. Raises a ValueError for
        a document that the vocabulary does not have.
        """
        begins, length = rows.begins_step, rows.length
        first = self.first[self.of_rows(cells, rows)[begins]]
        places = first[:, np.newaxis] + np.arange(self.number)
        position = _index(vocabulary).get_indexer(self.ids)
        if (position[self.document[places]] < 0).any():
            unknown = self.ids[self.document[places]][position[self.document[places]] < 0][0]
            raise ValueError(f"candidates must be in document_ids, got {unknown!r}")
        documents = np.zeros([len(length), length.max(), self.number], np.int32)
        features = np.zeros([*documents.shape, self.features.shape[1]], np.float32)
        where = rows.session[begins], rows.step[begins]
        documents[where] = position[self.document[places]]
        features[where] = self.features[places]
        return repeat_last_step(documents, length), repeat_last_step(features, length)


def read_candidates(table: Any, columns: Mapping[str, str], session_ids: np.ndarray) -> Candidates:
    """Reads the candidates of `from_table`. Sessions that are not in `session_ids` are left out.
    The error of a fault names its row and column.
    """
    role = next((role for role in ("step", "timestamp") if role in columns), None)
    place = [columns[name] for name in ("session", role, "document") if name is not None]
    texts = [columns["session"], columns["document"]]
    frame = as_frame(table, texts=texts, name="candidates")
    check_present(frame, place, "candidates")
    faults = Faults(frame, path=path_of(table))
    session, _ = parsing.codes(frame[columns["session"]], session_ids)
    document, ids = parsing.codes(frame[columns["document"]], ordered=True)
    faults.refuse(document < 0, columns["document"], "be a document id", "")
    step = np.zeros(len(frame))
    if role == "step":
        step = faults.numbers(
            columns[role], parsing.is_whole, "be a whole number", read=parsing.exact_numbers
        )
    elif role == "timestamp":
        step, valid, _ = parsing.timestamps(frame[columns[role]])
        faults.refuse(
            ~valid, columns[role], "be a number in all rows, or a date (ISO 8601) in all rows", ""
        )
    names = [name for name in frame.columns if name not in place]
    allowed = "be a finite number that float32 holds"
    features = np.zeros([len(frame), len(names)], np.float32)
    for number, name in enumerate(names):
        features[:, number] = faults.numbers(name, np.isfinite, allowed, read=parsing.float32)
    order = np.lexsort((document, step, session))
    order = order[session[order] >= 0]
    if not len(order):
        raise ValueError("candidates must have sessions of the table, got none")
    differs = [np.diff(values[order]) != 0 for values in (session, step, document)]
    begins = np.append(True, differs[0] | differs[1])
    is_repeated = np.append(False, ~(differs[0] | differs[1] | differs[2]))
    allowed = "differ from the other candidates of its step"
    faults.refuse(is_repeated, columns["document"], allowed, "", order)
    steps = pandas().MultiIndex.from_arrays(
        [_exact(values[order][begins]) for values in (session, step)]
    )
    first = np.append(np.flatnonzero(begins), len(order))
    return Candidates(document[order], features[order], tuple(names), ids, steps, first)


def _steps(cells: Cells) -> np.ndarray:
    """The numbers or times by which the steps of a table are ordered, [R]."""
    for role in ("step", "timestamp"):
        if role in cells:
            return cells[role]
    return np.zeros(len(cells.session))


def _exact(values: np.ndarray) -> np.ndarray:
    """Numbers as int64 if all of them are whole."""
    return values.astype(np.int64) if parsing.is_whole(values).all() else values


def _index(ids: np.ndarray) -> Any:
    return pandas().Index(ids, dtype=object)
