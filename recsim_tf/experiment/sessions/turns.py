"""Recorded sessions turn by turn, in words."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core.types import Nest
from recsim_tf.core.wording import Wording
from recsim_tf.experiment.sessions import words
from recsim_tf.experiment.sessions.recording import Recording

LEFT, TIME_LIMIT, CUT_OFF = "left", "time limit", "cut off"
# Of alternatives that are not shown, so many of the best are kept: there may be thousands.
_KEPT = 30


class Alternative(NamedTuple):
    """What a policy could choose, with its numbers."""

    words: str
    numbers: Mapping[str, float]  # of the policy, by name; NaN where one means nothing
    position: int = 0  # on the slate, from 1; 0 if it is not shown
    clicked: bool = False


class Others(NamedTuple):
    """Alternatives of a policy that are not on the slate."""

    name: str  # of the number by which they are ordered
    are_candidates: bool  # or else clusters, slates, questions and the like
    best: Sequence[Alternative]  # the best first
    num_more: int  # that are not among the best


class Turn(NamedTuple):
    """A step of a session."""

    number: int  # from 1
    says: str  # what the system says beside the documents, or ""
    shown: Sequence[Alternative]
    does: str  # what the user does
    reward: float
    changes: Sequence[str]  # of the user's state
    others: Sequence[Others]  # that the policy explains
    thoughts: str  # further numbers of the policy, with their names


class Session(NamedTuple):
    """A session of one user."""

    user: int
    start: str  # the user's state before the first turn
    turns: Sequence[Turn]  # the first ones
    num_turns: int
    rewards: np.ndarray  # float [num_turns]
    clicks: float
    end: str  # LEFT, TIME_LIMIT or CUT_OFF
    finish: str  # the user's state after the last turn

    @property
    def total(self) -> float:
        """The sum of the rewards."""
        return float(self.rewards.sum())

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        after = f"after {words.counted(self.num_turns, 'turn')}"
        how = {
            LEFT: f"The user left {after}",
            TIME_LIMIT: f"The time limit ended it {after}",
            CUT_OFF: f"Cut off {after}, the user was still there",
        }
        return f"{how[self.end]}: reward {words.number(self.total)}"

    def rest(self, num_turns: int) -> str:
        """The turns behind the first ones, in words; "" if there are none."""
        rest = self.rewards[num_turns:]
        if not len(rest):
            return ""
        what = words.counted(len(rest), "more turn" if num_turns else "turn")
        return f"{what}, with a reward of {words.number(rest.sum())}"


def sessions_in_words(recording: Recording, wording: Wording, max_turns: int) -> list[Session]:
    """The sessions of a recording in the wording of the environment, up to `max_turns` of each."""
    return [_session(recording, wording, row, max_turns) for row in range(len(recording.users))]


def overview(sessions: Sequence[Session]) -> list[dict[str, str]]:
    """A row for each session."""
    return [
        {
            "user": f"{session.user}",
            "turns": f"{session.num_turns:,}",
            "reward": words.number(session.total),
            "clicks": words.number(session.clicks),
            "end": session.end,
        }
        for session in sessions
    ]


def _session(recording: Recording, wording: Wording, row: int, max_turns: int) -> Session:
    length = int(recording.lengths[row])
    transitions = _of(recording.transitions, slice(length), row)
    start, finish = (
        words.by_name(words.fields(wording.user(_of(recording.states, step, row))))
        for step in (0, length)
    )
    end = CUT_OFF
    if transitions.terminated[-1]:
        end = LEFT
    elif transitions.truncated[-1]:
        end = TIME_LIMIT
    return Session(
        user=int(recording.users[row]),
        start=start,
        turns=[_turn(recording, wording, step, row) for step in range(min(length, max_turns))],
        num_turns=length,
        rewards=transitions.reward,
        clicks=float(transitions.response.clicked.sum()),
        end=end,
        finish=finish,
    )


def _turn(recording: Recording, wording: Wording, step: int, row: int) -> Turn:
    transition, query, explanation = (
        _of(nest, step, row)
        for nest in (recording.transitions, recording.transitions.query, recording.explanation)
    )
    slate, response = transition.slate, transition.response
    documents = [
        _of(recording.documents, step, row, position) if candidate >= 0 else None
        for position, candidate in enumerate(slate)
    ]
    says: str | None = ""
    if tf.nest.flatten(query):
        says = wording.query(query, documents)
    does = wording.response(response, documents, query)
    shown = [
        Alternative(
            _document(wording, document),
            _numbers(explanation.candidates, candidate),
            position + 1,
            bool(response.clicked[position] > 0),
        )
        for position, (candidate, document) in enumerate(zip(slate, documents, strict=True))
        if document is not None
    ]
    others = []
    if explanation.candidates:

        def words_of(candidate: int) -> str:
            return _document(wording, _of(recording.candidates, step, row, candidate))

        others.append(_others(explanation.candidates, words_of, slate))
    if explanation.alternatives:
        labels = explanation.labels
        others.append(_others(explanation.alternatives, lambda index: words.words(labels[index])))
    before, after = (
        words.fields(wording.user(_of(recording.states, time, row))) for time in (step, step + 1)
    )
    return Turn(
        number=step + 1,
        says=words.by_name(words.fields(query)) if says is None else says,
        shown=shown,
        does=_response(response, documents, query) if does is None else does,
        reward=float(transition.reward),
        changes=words.changes(before, after),
        others=others,
        thoughts=", ".join(
            f"{name} {words.number(value)}" for name, value in explanation.user.items()
        ),
    )


def _of(nest: Nest, *index) -> Nest:
    return tf.nest.map_structure(lambda leaf: leaf[index], nest)


def _numbers(numbers: Mapping[str, np.ndarray], index: int) -> dict[str, float]:
    return {name: float(values[index]) for name, values in numbers.items()}


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


def _others(
    numbers: Mapping[str, np.ndarray],
    words_of: Callable[[int], str],
    slate: Collection[int] | None = None,
) -> Others:
    """What a policy thought in one turn of what it did not show.

    Args:
      numbers: float [M] by name.
      words_of: the words of each of the M.
      slate: those of the M that were shown, where these are candidates.
    """
    name, first = next(iter(numbers.items()))
    # A stable sort puts NaN last.
    best_first = [int(index) for index in np.argsort(-first, kind="stable")]
    hidden = [index for index in best_first if slate is None or index not in slate]
    best = [Alternative(words_of(index), _numbers(numbers, index)) for index in hidden[:_KEPT]]
    return Others(name, slate is not None, best, len(hidden) - len(best))
