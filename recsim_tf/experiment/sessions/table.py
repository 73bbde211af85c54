"""Sessions as a table with a row for each document shown, which `fitting.logs.from_table` reads."""

import importlib
from pathlib import Path

import numpy as np

from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Nest
from recsim_tf.experiment.sessions import words
from recsim_tf.experiment.sessions.recording import Recording
from recsim_tf.files import whole_file, write_csv

# Roles of `from_table`, which are the names of the columns.
ROLES = ("session", "step", "position", "document", "clicked", "departed")
_NAME = "sessions"


def write_table(folder: Path, recording: Recording, simulator: Simulator) -> Path:
    """Writes sessions.parquet, or sessions.csv where pyarrow is not installed.

    The columns: session, the number of the user; step; position, from 0; document, an `item_id` if
    documents have one, else a name of its own for each document; clicked, 0 or 1; departed, 1 if
    the user left after the last step; candidate; reward of the step; and the fields of the query,
    the document and the response, such as document_quality. A vector has a column for each entry,
    or one for the index if it is one-hot.

        columns = {role: role for role in ROLES}
        log = from_table("sessions.parquet", columns).log

    Args:
      folder: receives the file.
      recording: of some users.
      simulator: the environment.
    """
    columns = table_columns(recording, simulator.resample_documents)
    try:
        arrow = importlib.import_module("pyarrow")
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        path = folder / f"{_NAME}.csv"
        write_csv(path, columns, zip(*map(_as_text, columns.values()), strict=True))
        return path
    path = folder / f"{_NAME}.parquet"
    with whole_file(path) as temporary:
        parquet.write_table(arrow.table(columns), temporary, write_page_checksum=True)
    return path


def table_columns(recording: Recording, resampled: bool) -> dict[str, np.ndarray]:
    """The columns [R] by name, of R documents shown.

    Args:
      recording: of some users.
      resampled: whether each step has candidates of its own.
    """
    transitions = recording.transitions
    shown = transitions.active[..., np.newaxis] & (transitions.slate >= 0)
    # Sessions after each other.
    row, step, position = np.nonzero(shown.swapaxes(0, 1))
    session, candidate = recording.users[row], transitions.slate[step, row, position]
    documents = words.fields(recording.documents)
    left = (transitions.terminated & transitions.active).any(axis=0)
    columns = {
        "session": session,
        "step": step,
        "position": position,
        "document": (
            documents["item_id"][step, row, position]
            if "item_id" in documents
            else _names(session, step, candidate, resampled)
        ),
        "clicked": (transitions.response.clicked[step, row, position] > 0).astype(np.int64),
        "departed": left[row].astype(np.int64),
        "candidate": candidate,
        "reward": transitions.reward[step, row],
    }
    slate_size = transitions.slate.shape[2]
    # A response may repeat what the query was.
    of_query = frozenset(words.fields(recording.query))
    for kind, nest in (
        ("query", recording.query),
        ("document", recording.documents),
        ("response", transitions.response),
    ):
        columns |= _columns(kind, nest, of_query, slate_size, row, step, position)
    return columns


def _names(session, step, candidate, resampled: bool) -> np.ndarray:
    """A name for each document that differs from all others."""
    parts = (session, step, candidate) if resampled else (session, candidate)
    return np.array(["-".join(map(str, numbers)) for numbers in zip(*parts, strict=True)], object)


def _columns(
    kind: str, nest: Nest, of_turn: frozenset[str], slate_size: int, row, step, position
) -> dict[str, np.ndarray]:
    """The fields of a nest of [T, U, K, ...] or [T, U, ...]; those of `of_turn` are of the whole
    slate.
    """
    found = {}
    for field, value in words.fields(nest).items():
        name = f"{kind}_{field}".rstrip("_")
        is_of_turn = kind != "document" and field in of_turn
        of_position = not is_of_turn and value.shape[2:3] == (slate_size,)
        value = value[step, row, position] if of_position else value[step, row]
        index = words.one_hot_index(value) if value.ndim == 2 and len(value) else None
        if index is not None:
            value = index
        if name == "response_clicked":
            continue
        entries = value.reshape([len(value), -1])
        if value.ndim == 1:
            # A lone array of documents would have the name of their ids.
            found[name if field else f"{kind}_value"] = value
        else:
            found |= {f"{name}_{index}": entries[:, index] for index in range(entries.shape[1])}
    return found


def _as_text(column: np.ndarray) -> list:
    """Nine digits are what a float32 needs to come back bit for bit."""
    if column.dtype.kind == "f":
        return [f"{value:.9g}" for value in column.tolist()]
    return column.tolist()
