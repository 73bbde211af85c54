"""Recorded sessions in words."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from recsim_tf.core.types import Nest
from recsim_tf.core.wording import Wording
from recsim_tf.experiment.sessions import words
from recsim_tf.experiment.sessions.recording import Recording
from recsim_tf.experiment.sessions.sessions import (
    CUT_OFF,
    LEFT,
    TIME_LIMIT,
    Alternative,
    Alternatives,
    Session,
    Shown,
    Turn,
)

# Of alternatives that are not shown, so many of the best are kept: there may be thousands.
_KEPT = 30


def told_sessions(recording: Recording, wording: Wording, max_turns: int) -> list[Session]:
    """The sessions of a recording.

    Args:
      recording: of U users.
      wording: of the environment.
      max_turns: turns of each session that are told.
    """
    return [_session(recording, wording, row, max_turns) for row in range(len(recording.users))]


def _session(recording: Recording, wording: Wording, row: int, max_turns: int) -> Session:
    length = int(recording.lengths[row])
    transitions = _of(recording.transitions, slice(length), row)
    states = [words.fields(wording.user(_of(recording.states, t, row))) for t in (0, length)]
    end = CUT_OFF
    if transitions.terminated[-1]:
        end = LEFT
    elif transitions.truncated[-1]:
        end = TIME_LIMIT
    told = range(min(length, max_turns))
    return Session(
        user=int(recording.users[row]),
        start=words.by_name(states[0]),
        turns=tuple(_turn(recording, wording, step, row) for step in told),
        num_turns=length,
        rewards=transitions.reward,
        clicks=float(transitions.response.clicked.sum()),
        end=end,
        finish=words.by_name(states[1]),
    )


def _turn(recording: Recording, wording: Wording, step: int, row: int) -> Turn:
    transition = _of(recording.transitions, step, row)
    query = _of(recording.query, step, row)
    slate, response = transition.slate, transition.response
    documents = [
        _of(recording.documents, step, row, position) if candidate >= 0 else None
        for position, candidate in enumerate(slate)
    ]
    says: str | None = ""
    if tf.nest.flatten(query):
        says = wording.query(query, documents)
    does = wording.response(response, documents, query)
    shown = tuple(
        Shown(position + 1, int(slate[position]), _document(wording, document), bool(clicked))
        for position, (document, clicked) in enumerate(
            zip(documents, response.clicked > 0, strict=True)
        )
        if document is not None
    )
    before, after = (
        words.fields(wording.user(_of(recording.states, time, row))) for time in (step, step + 1)
    )
    explanation = _of(recording.explanation, step, row)
    found = []
    if explanation.candidates:

        def candidate_words(candidate):
            return _document(wording, _of(recording.candidates, step, row, candidate))

        found.append(_alternatives(explanation.candidates, candidate_words, shown))
    if explanation.alternatives:
        labels = explanation.labels
        found.append(_alternatives(explanation.alternatives, lambda i: words.words(labels[i])))
    return Turn(
        number=step + 1,
        says=words.by_name(words.fields(query)) if says is None else says,
        shown=shown,
        does=_response(response, documents, query) if does is None else does,
        reward=float(transition.reward),
        changes=tuple(words.changes(before, after)),
        alternatives=tuple(found),
        thoughts=tuple((name, float(value)) for name, value in explanation.user.items()),
    )


def _of(nest: Nest, *index) -> Nest:
    return tf.nest.map_structure(lambda leaf: leaf[index], nest)


def _document(wording: Wording, document: Nest) -> str:
    said = wording.document(document)
    return words.by_name(words.fields(document)) if said is None else said


def _response(response: Nest, documents: Sequence[Nest | None], query: Nest) -> str:
    """Clicks with what else the response says of them, and what it says beside."""
    shown = [document for document in documents if document is not None]
    of_documents = {name for document in shown for name in words.fields(document)}
    of_query = words.fields(query)
    of_clicked, beside = {}, {}
    for name, value in words.fields(response).items():
        # What is known of the turn or the document is not said again.
        if name in of_query:
            continue
        if value.shape[:1] != response.clicked.shape:
            beside[name] = value
        elif name != "clicked" and name not in of_documents:
            of_clicked[name] = value
    parts = []
    for position in np.flatnonzero(response.clicked > 0):
        said = words.by_name({name: value[position] for name, value in of_clicked.items()})
        parts.append(f"{position + 1} ({said})" if said else f"{position + 1}")
    does = f"clicks {' and '.join(parts) or 'nothing'}"
    return ", ".join(filter(None, [does, words.by_name(beside)]))


def _alternatives(
    numbers: Mapping[str, np.ndarray],
    words_of: Callable[[int], str],
    shown: Sequence[Shown] | None = None,
) -> Alternatives:
    """What a policy thought in one turn.

    Args:
      numbers: float [M] by name.
      words_of: the words of each of the M.
      shown: the slate, where these are candidates.
    """
    first = next(iter(numbers.values()))
    # A candidate may be on the slate twice.
    on_slate = {document.candidate: False for document in shown or ()}
    on_slate |= {document.candidate: True for document in shown or () if document.clicked}
    # A stable sort puts NaN last.
    best_first = np.argsort(-first, kind="stable")
    kept = [index for place, index in enumerate(best_first) if place < _KEPT or index in on_slate]
    rows = tuple(
        Alternative(
            int(index),
            words_of(index),
            tuple(float(values[index]) for values in numbers.values()),
            index in on_slate,
            on_slate.get(index, False),
        )
        for index in kept
    )
    return Alternatives(shown is not None, tuple(numbers), rows, len(first) - len(rows))
