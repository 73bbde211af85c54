# SPDX-License-Identifier: Apache-2.0
"""Sessions as a table with a row for each document shown, which `logs.from_table` reads."""

import importlib.util
from typing import Any

import numpy as np

from recsim_tf.core.models.wording import wording_of
from recsim_tf.core.simulator import Simulator
from recsim_tf.experiment.sessions.recording import Recording, fields, one_hot_index
from recsim_tf.logs.tables.parsing import pandas

# Roles of `from_table`, which are the names of the columns.
ROLES = ("session", "step", "position", "document", "clicked", "departed")


def session_table(recording: Recording, simulator: Simulator) -> Any:
    """A pandas DataFrame with a row for each document shown.

    The columns: session, the number of the user; step; position, from 0; document, an `item_id` if
    documents have one, else a name of its own for each document; clicked, 0 or 1; departed, 1 if
    the user left after the last step; candidate; reward of the step; and the fields of the query,
    the document and the response, such as document_quality. A vector has a column for each entry,
    or one for the index if it is one-hot. Where the words of an environment have names for the
    values of a field, the names stand there, None for -1.

        columns = {role: role for role in ROLES}
        log = from_table(session_table(recording, simulator), columns).log

    Args:
      recording: the recording of some users.
      simulator: the environment.

    Raises:
      ImportError: if pandas is not installed, in one line.
    """
    transitions = recording.transitions
    shown = transitions.active[..., np.newaxis] & (transitions.slate >= 0)
    # Sessions after each other.
    row, step, position = np.nonzero(shown.swapaxes(0, 1))
    session, candidate = recording.users[row], transitions.slate[step, row, position]
    left = (transitions.terminated & transitions.active).any(axis=0)
    queries, documents, responses = map(
        fields, (transitions.query, recording.documents, transitions.response)
    )
    if "item_id" in documents:
        document = documents["item_id"][step, row, position]
    else:
        # Each step may have candidates of its own.
        of_step = (session, step) if simulator.resample_documents else (session,)
        names = zip(*of_step, candidate, strict=True)
        document = np.array(["-".join(map(str, name)) for name in names], object)
    columns = {
        "session": session,
        "step": step,
        "position": position,
        "document": document,
        "clicked": (responses.pop("clicked")[step, row, position] > 0).astype(np.int64),
        "departed": left[row].astype(np.int64),
        "candidate": candidate,
        "reward": transitions.reward[step, row],
    }
    named_values = wording_of(simulator.users).names
    for kind, named in (("query", queries), ("document", documents), ("response", responses)):
        for field, value in named.items():
            if field in named_values:
                value = np.array([*named_values[field], None], object)[value]
            # A response may repeat the query, which is of the whole turn.
            of_turn = kind == "query" or (kind == "response" and field in queries)
            if not of_turn and value.shape[2:3] == transitions.slate.shape[2:]:
                columns |= _columns(kind, field, value[step, row, position])
            else:
                columns |= _columns(kind, field, value[step, row])
    return pandas().DataFrame(columns)


def _columns(kind: str, field: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """The columns of a field, [rows, ...]."""
    # A lone array of documents would have the name of their ids.
    name = f"{kind}_{field}" if field else kind
    index = one_hot_index(values) if values.ndim == 2 and len(values) else None
    if index is not None:
        values = index
    if values.ndim == 1:
        return {name if field else f"{kind}_value": values}
    entries = values.reshape([len(values), -1])
    return {f"{name}_{index}": entries[:, index] for index in range(entries.shape[1])}


def file_of_table() -> str:
    """The name of the file of a table: of Parquet, or of CSV where pyarrow is not installed."""
    return "sessions.parquet" if importlib.util.find_spec("pyarrow") else "sessions.csv"
