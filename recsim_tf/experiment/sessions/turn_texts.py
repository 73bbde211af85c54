# SPDX-License-Identifier: Apache-2.0
"""Recorded sessions turn by turn, in words, and how numbers, vectors and fields read in them."""

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.types import Nest
from recsim_tf.core.models.wording import Wording
from recsim_tf.experiment.sessions.recording import Recording, fields, one_hot_index

LEFT, TIME_LIMIT, CUT_OFF = "left", "time limit", "cut off"
# The best alternatives that are not shown: so many are kept, of thousands perhaps.
_KEPT = 30
# Longer vectors are shortened, to this many numbers less one.
_SHORT = 5
# Numbers that three digits round to this one, or larger ones, are written without decimals.
_LARGE = 999.5
# A float32 has no more digits.
_MOST_DIGITS = 9
# The entries of a vector that are named when it changes.
_NAMED = 2


class Alternative(NamedTuple):
    """A document, or another alternative of a policy, with the numbers of the policy."""

    text: str
    numbers: Mapping[str, float]  # by name; NaN where one means nothing
    position: int = 0  # on the slate, from 1; 0 if it is not shown
    clicked: bool = False


class Others(NamedTuple):
    """Alternatives of a policy that are not on the slate."""

    name: str  # of the number by which they are ordered
    are_candidates: bool  # or else clusters, slates, questions and the like
    best: Sequence[Alternative]  # the best first
    num_more: int  # that are not among the best


class TurnText(NamedTuple):
    """A step of a session."""

    number: int  # from 1
    says: str  # what the system says beside the documents, or ""
    shown: Sequence[Alternative]
    does: str  # what the user does
    reward: float
    changes: Sequence[str]  # of the user's state
    others: Sequence[Others]  # that the policy explains
    thoughts: str  # further numbers of the policy, with their names


class SessionText(NamedTuple):
    """A session of one user."""

    user: int
    start: str  # the user's state before the first turn
    turns: Sequence[TurnText]  # the first ones
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
    def explains(self) -> bool:
        """True if the policy explains a choice."""
        return any(turn.others or turn.thoughts for turn in self.turns)

    @property
    def ending(self) -> str:
        """The end of the session, in words."""
        after = f"after {counted(self.num_turns, 'turn')}"
        how = {
            LEFT: f"The user left {after}",
            TIME_LIMIT: f"The time limit ended it {after}",
            CUT_OFF: f"Cut off {after}, the user was still there",
        }
        return f"{how[self.end]}: reward {number(self.total)}"

    def rest(self, num_turns: int) -> str:
        """The turns behind the first ones, in words; "" if there are none."""
        rest = self.rewards[num_turns:]
        if not len(rest):
            return ""
        what = counted(len(rest), "more turn" if num_turns else "turn")
        return f"{what}, with a reward of {number(rest.sum())}"


def sessions_in_words(recording: Recording, wording: Wording, max_turns: int) -> list[SessionText]:
    """The sessions of a recording in the wording of the environment, up to `max_turns` of each."""
    return [_session(recording, wording, row, max_turns) for row in range(len(recording.users))]


def _session(recording: Recording, wording: Wording, row: int, max_turns: int) -> SessionText:
    length = int(recording.lengths[row])
    transitions = _at(recording.transitions, slice(length), row)
    start, finish = (
        in_words(fields(wording.user(_at(recording.states, step, row)))) for step in (0, length)
    )
    end = TIME_LIMIT if transitions.truncated[-1] else CUT_OFF
    return SessionText(
        user=int(recording.users[row]),
        start=start,
        turns=[_turn(recording, wording, step, row) for step in range(min(length, max_turns))],
        num_turns=length,
        rewards=transitions.reward,
        clicks=float(transitions.response.clicked.sum()),
        end=LEFT if transitions.terminated[-1] else end,
        finish=finish,
    )


def _turn(recording: Recording, wording: Wording, step: int, row: int) -> TurnText:
    transition, explanation = _at((recording.transitions, recording.explanation), step, row)
    response, query = transition.response, transition.query
    documents = [
        _at(recording.documents, step, row, position) if candidate >= 0 else None
        for position, candidate in enumerate(transition.slate)
    ]

    def document_text(document: Nest) -> str:
        text = wording.document(document)
        return in_words(fields(document)) if text is None else text

    says: str | None = ""
    if tf.nest.flatten(query):
        says = wording.query(query, documents)
    does = wording.response(response, documents, query)
    shown = [
        Alternative(
            document_text(document),
            _numbers(explanation.candidates, candidate),
            position + 1,
            bool(response.clicked[position] > 0),
        )
        for position, (candidate, document) in enumerate(
            zip(transition.slate, documents, strict=True)
        )
        if document is not None
    ]
    others = []
    if explanation.candidates:
        candidates = _at(recording.candidates, step, row)
        others.append(
            _others(
                explanation.candidates,
                lambda index: document_text(_at(candidates, index)),
                transition.slate,
            )
        )
    if explanation.alternatives:
        labels = explanation.labels
        others.append(_others(explanation.alternatives, lambda index: words(labels[index])))
    before, after = (
        fields(wording.user(_at(recording.states, time, row))) for time in (step, step + 1)
    )
    return TurnText(
        number=step + 1,
        says=in_words(fields(query)) if says is None else says,
        shown=shown,
        does=_response(response, documents, query) if does is None else does,
        reward=float(transition.reward),
        changes=changes(before, after),
        others=others,
        thoughts=", ".join(f"{name} {number(value)}" for name, value in explanation.user.items()),
    )


def _at(nest: Nest, *index: Any) -> Nest:
    return tf.nest.map_structure(lambda leaf: leaf[index], nest)


def _numbers(numbers: Mapping[str, np.ndarray], index: int) -> dict[str, float]:
    return {name: float(values[index]) for name, values in numbers.items()}


def _response(response: Nest, documents: Sequence[Nest | None], query: Nest) -> str:
    """The clicks with the fields of the clicked documents, and the fields of the whole turn.
    Fields of the query and of the documents are left out.
    """
    shown = [fields(document) for document in documents if document is not None]
    of_clicked, of_turn = {}, {}
    for name, value in fields(response).items():
        if name in fields(query):
            continue
        if value.shape[:1] != response.clicked.shape:
            of_turn[name] = value
        elif name not in ("clicked", *itertools.chain(*shown)):
            of_clicked[name] = value
    clicks = []
    for position in np.flatnonzero(response.clicked > 0):
        text = in_words({name: value[position] for name, value in of_clicked.items()})
        clicks.append(f"{position + 1} ({text})" if text else f"{position + 1}")
    does = f"clicks {' and '.join(clicks) or 'nothing'}"
    return ", ".join(filter(None, [does, in_words(of_turn)]))


def _others(
    numbers: Mapping[str, np.ndarray],
    text_of: Callable[[int], str],
    slate: Collection[int] | None = None,
) -> Others:
    """The alternatives of a policy in one turn, of M, that it did not show: those that are not on
    the slate, where they are candidates.
    """
    name, first = next(iter(numbers.items()))
    # A stable sort puts NaN last.
    best_first = [int(index) for index in np.argsort(-first, kind="stable")]
    hidden = [index for index in best_first if slate is None or index not in slate]
    best = [Alternative(text_of(index), _numbers(numbers, index)) for index in hidden[:_KEPT]]
    return Others(name, slate is not None, best, len(hidden) - len(best))


def number(value: Any, digits: int = 3) -> str:
    """A number with three digits; a count, a flag or a text as it is."""
    value = value.item() if isinstance(value, np.ndarray | np.generic) else value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float):
        is_large = digits == 3 and _LARGE <= abs(value) < np.inf
        return f"{value:,.0f}" if is_large else f"{value + 0.0:.{digits}g}"
    return str(value)


def counted(count: float, what: str) -> str:
    """A count in words, such as "1 click" or "2 clicks"."""
    return f"{number(count)} {what}{'s' * (count != 1)}"


def words(value: Any) -> str:
    """A value: a one-hot vector as its index, a long one shortened."""
    value = np.asarray(value)
    if not value.ndim:
        return number(value)
    index = one_hot_index(value)
    if index is not None:
        return str(index)
    flat = value.ravel()
    if flat.size <= _SHORT:
        return " ".join(map(number, flat))
    size = " by ".join(map(str, value.shape))
    return f"{' '.join(map(number, flat[: _SHORT - 1]))} … ({size})"


def in_words(named: Mapping[str, np.ndarray]) -> str:
    """Fields by name, as "topic 7, length 4"."""
    return ", ".join(f"{name} {words(value)}".strip() for name, value in named.items())


def changes(before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray]) -> list[str]:
    """The fields that changed, as "budget 200 → 196"; of a vector the entries that changed most."""
    texts = []
    for name, old in before.items():
        new = after[name]
        # Where a reader would see a difference.
        differs = old != new
        if old.dtype.kind == "f":
            differs = ~np.isclose(old, new, rtol=1e-3, atol=1e-6, equal_nan=True)
        moved = np.flatnonzero(differs)
        if not moved.size:
            continue
        if not old.ndim:
            texts.append(_change(name, old, new))
            continue
        old, new = old.ravel(), new.ravel()
        distance = np.abs(np.subtract(new[moved], old[moved], dtype=np.float64))
        largest = moved[np.argsort(-distance, kind="stable")[:_NAMED]]
        texts += [_change(f"{name}[{index}]", old[index], new[index]) for index in largest]
        if moved.size > _NAMED:
            texts.append(f"{moved.size - _NAMED} more of {name}")
    return texts


def _change(name: str, old: Any, new: Any) -> str:
    """The change, with as many digits as it takes to see it."""
    for digits in range(3, _MOST_DIGITS + 1):
        if number(old, digits) != number(new, digits):
            break
    return f"{name} {number(old, digits)} → {number(new, digits)}".strip()


def column(values: Sequence[float]) -> list[str]:
    """Numbers below each other: with their zeros, unless all are whole; nothing for NaN."""
    numbers = np.array([value for value in values if not np.isnan(value)])
    are_whole = np.array_equal(numbers, np.round(numbers))

    def cell(value: float) -> str:
        if np.isnan(value):
            return ""
        if are_whole:
            return f"{value + 0.0:,.0f}"
        if not np.isfinite(value) or abs(value) >= _LARGE:
            return number(float(value))
        return f"{value + 0.0:#.3g}".rstrip(".")

    return [cell(value) for value in values]
