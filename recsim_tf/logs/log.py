# SPDX-License-Identifier: Apache-2.0
"""Logged sessions: candidates, slates, responses of the users, and rewards."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
import tensorflow as tf

from recsim_tf.core.base.arguments import AtLeast, WholeNumber, checked, require
from recsim_tf.core.base.ranges import Range, shown
from recsim_tf.core.base.types import Nest, Turn
from recsim_tf.logs import checks, showing
from recsim_tf.logs.hashes import row_hashes
from recsim_tf.support.summaries import summary_html, summary_text

# The fields that the models draw, or that they take as inputs.
DRAWS = (
    *("length", "departed", "initial", "documents", "shown", "hidden", "response"),
    *("innovation", "query", "engagement"),
)


@runtime_checkable
class Sessions(Protocol):
    """Logged sessions, in memory (`Log`) or in pieces that each pass reads again (`LogStream`)."""

    @property
    def num_sessions(self) -> int: ...

    @property
    def num_steps(self) -> int:
        """The number of steps of all sessions together."""

    @property
    def max_length(self) -> int:
        """The number of steps of the longest session."""

    @property
    def lengths(self) -> Sequence[np.ndarray]:
        """The numbers of steps of the sessions of each piece, int [S] each."""

    def pieces(self) -> Iterable["Log"]:
        """The sessions as logs of `max_length` steps, the same in every call."""

    def whole(self) -> "Log":
        """The sessions in one log. Raises a ValueError if they are not in memory."""

    def split(
        self, held_out: float, seed: int = 0, by: Literal["user", "time"] = "user"
    ) -> tuple["Sessions", "Sessions"]:
        """Two logs, see `Log.split`. Raises a ValueError if the sessions cannot be split."""


class SlateLogProbs(NamedTuple):
    """Log-probabilities of the logged slates under a policy. A field that is unknown is ()."""

    slate: Any = ()  # [S, T], the whole slate, in its order
    prefix: Any = ()  # [S, T, K], the slate up to each position
    position: Any = ()  # [S, T, K], each position's document at that position
    set: Any = ()  # [S, T], the slate's documents in any order

    @classmethod
    def of_items(cls, log_probs: np.ndarray) -> "SlateLogProbs":
        """The log-probabilities of slates of one document each, [S, T]."""
        alone = log_probs[..., np.newaxis]
        return cls(log_probs, alone, alone, log_probs)


class Labels(NamedTuple):
    """The ids and names that the numbers of a log stand for in the table that it was read from. Ids
    are text. A field that the table did not have is ().
    """

    session: Any = ()  # text [S], in the order of the log
    user: Any = ()  # text [S]
    document: Any = ()  # text [D], by the number of a document
    step: Any = ()  # int64 [S, T], the numbers of the steps
    # The times at which documents were shown, [S, T, K]: numbers, or nanoseconds since 1970 in UTC
    # if `dates` is True.
    time: Any = ()
    dates: bool = False
    attributes: tuple[str, ...] = ()  # names of the columns in `hidden`
    features: tuple[str, ...] = ()  # names of the columns in `observation.documents`
    # The sorted texts that codes stand for, by name of a column of users or of the context.
    texts: dict[str, np.ndarray] = {}  # noqa: RUF012  # Never changed.
    dropped: dict[str, int] = {}  # noqa: RUF012  # Sessions left out, by their first fault.


def digest_of(log: Sessions) -> str:
    """A SHA-256 of the draws of the models that a log has, which identifies the log."""
    content = hashlib.sha256()
    for piece in log.pieces():
        for leaf in tf.nest.flatten(piece[: Log._fields.index("slate")]):
            content.update(np.ascontiguousarray(leaf).data)
    return content.hexdigest()


def session_digests(log: "Log", fields: Sequence[str] = DRAWS) -> np.ndarray:
    """A hash of the draws of the models, or of other fields, in each session of a log, uint64 [S],
    which identifies the session. It does not depend on steps after the end of the session.
    """
    leaves = [
        log.where_active(np.asarray(leaf)) if name in checks.STEPS else np.asarray(leaf)
        for name in fields
        for leaf in tf.nest.flatten(getattr(log, name))
    ]
    return row_hashes(leaves, log.num_sessions)


def users_of(labels: Sequence[Labels]) -> Any:
    """The users of the sessions of one or more pieces of a log, int [S], in [0, U). The result is
    () if users are unknown, or have one session each. Sessions of the same user are not
    independent.
    """
    return recurring([label.user for label in labels])


def recurring(ids: Sequence[Any]) -> Any:
    """The numbers of the ids of one or more pieces of a log, int [S], in [0, U). The result is ()
    if ids are unknown, or all different.
    """
    if any(isinstance(each, tuple) for each in ids):
        return ()
    every = np.concatenate(ids)
    if len(set(every)) == len(every):
        return ()
    return np.unique(every, return_inverse=True)[1]


class Log(NamedTuple):
    """S sessions of up to T steps with slates of K documents, as NumPy arrays. An unknown field is
    `()`; a method that needs it raises an error.

    The fields up to `engagement` hold draws of the simulator's models, so that the distributions
    that simulate also score a log. The fields from `slate` on are for estimates of a policy's
    value. Steps after the end of a session do not count. They repeat its last step, so that they
    are possible under the models.
    """

    length: np.ndarray  # int32 [S], steps of each session, at least 1
    # Whether the user left after the last step, bool [S]; else the log ends before the session
    # does.
    departed: Any = ()
    initial: Nest = ()  # nest of [S, ...]: the users' initial draws
    # The documents shown, as `DocumentModel.candidates` draws them, such as ids: nest of
    # [S, T, K, ...].
    documents: Nest = ()
    shown: Any = ()  # bool [S, T, K], False at the empty positions of a short slate
    # Draws of the attributes that are hidden until documents are shown: nest of [S, T, K, ...].
    hidden: Nest = ()
    # Draws of the response, such as the position chosen, or K for "no click": nest of [S, T, ...].
    response: Nest = ()
    innovation: Nest = ()  # nest of [S, T, ...]: draws of the users' change
    # The system's queries beside the slates, inputs as slates are: nest of [S, T, ...].
    query: Nest = ()
    # Engagement after a click, such as dwell times or ratings, float32 [S, T, K]; NaN if unknown.
    engagement: Any = ()
    # Positions of the documents among the candidates, int32 [S, T, K]; -1 at empty positions.
    slate: Any = ()
    candidates: Any = ()  # int32 [S, T, N], the documents that could have been shown
    # Rewards of the positions, float [S, T, K], or of the whole slates, [S, T, 1].
    reward: Any = ()
    propensity: SlateLogProbs = SlateLogProbs()  # under the policy that showed the slates
    target: SlateLogProbs = SlateLogProbs()  # under the policy to judge, if the log has them
    # The agents' observations before the slate, as `Simulator.observe` gives them: nest of
    # [S, T, ...].
    observation: Nest = ()
    discount: Any = ()  # float [S, T], discount of the future after the step; () for 1
    labels: Labels = Labels()

    @property
    def num_sessions(self) -> int:
        """The number of sessions, S."""
        return len(self.length)

    @property
    def max_length(self) -> int:
        """The number of steps of the arrays, T."""
        return self._slates.shape[1]

    @property
    def slate_size(self) -> int:
        """The number of positions of a slate, K."""
        return self._slates.shape[2]

    @property
    def _slates(self) -> Any:
        """An array with the shape of the slates, [S, T, K]."""
        return self.slate if isinstance(self.shown, tuple) else self.shown

    @property
    def num_steps(self) -> int:
        """The number of steps of all sessions together."""
        return int(self.length.sum())

    @property
    def active(self) -> Any:
        """The steps up to the end of each session, bool [S, T]."""
        if tf.is_tensor(self.length):
            return tf.sequence_mask(self.length, self.max_length)
        return np.arange(self.max_length) < self.length[:, np.newaxis]

    @property
    def counted(self) -> Any:
        """The positions with a document in the steps up to the end of each session, bool
        [S, T, K].
        """
        return self.shown & self.active[..., np.newaxis]

    @property
    def action(self) -> Nest:
        """The slates, or turns of slates and queries."""
        return Turn(self.slate, self.query).action

    def where_active(self, values: np.ndarray) -> np.ndarray:
        """Values [S, T, ...], with 0 after the end of a session."""
        return np.where(
            self.active.reshape(self.active.shape + (1,) * (values.ndim - 2)), values, 0
        )

    @property
    def earned(self) -> np.ndarray:
        """The rewards, float64 [S, T, J], with 0 after the end of a session."""
        return self.where_active(self.reward).astype(np.float64)

    def discounts(self, gamma: float) -> Any:
        """The discount of the future after each step times gamma, float64 [S, T]."""
        unit = np.full([self.length.shape[0], self.max_length], float(gamma))
        return unit if isinstance(self.discount, tuple) else unit * self.discount

    def first_observation(self) -> Nest:
        """The observations before the first step of all sessions, a nest of [S, ...]."""
        return tf.nest.map_structure(
            lambda leaf: tf.convert_to_tensor(leaf[:, 0]), self.observation
        )

    def require(self, caller: str, *fields: str) -> Self:
        """Returns the log. A ValueError names the caller, and the first field that it lacks."""
        for field in fields:
            if not tf.nest.flatten(getattr(self, field)):
                raise ValueError(f"{caller} needs a log with {_NEEDED.get(field, field)}, got none")
        return self

    @property
    def lengths(self) -> Sequence[np.ndarray]:
        """The lengths of the sessions, as those of a single piece."""
        return [self.length]

    def pieces(self) -> Iterable["Log"]:
        """The log itself, as a single piece."""
        return (self,)

    def whole(self) -> "Log":
        """The log itself."""
        return self

    def take(self, rows: Any) -> "Log":
        """The sessions at `rows`, positions from 0 or a slice, with the steps of the longest of
        them. Raises a ValueError for positions that the log does not have.
        """
        try:
            if not isinstance(rows, slice) and np.less(rows, 0).any():
                raise IndexError
            rows = np.arange(self.num_sessions)[
                rows if isinstance(rows, slice) else np.asarray(rows, None if len(rows) else int)
            ]
        except (IndexError, TypeError) as error:
            raise ValueError(
                f"rows must be positions of the {self.num_sessions} sessions, got {shown(rows)}"
            ) from error
        length, departed, initial, session, user = tf.nest.map_structure(
            lambda leaf: leaf[rows],
            (self.length, self.departed, self.initial, self.labels.session, self.labels.user),
        )
        labels = self.labels._replace(session=session, user=user)
        taken = self._replace(length=length, departed=departed, initial=initial, labels=labels)
        return taken.map_steps(lambda leaf: leaf[rows][:, : length.max(initial=1)])

    def distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions of sessions that differ in draws, and how many are like each, both int [D]."""
        leaves = [np.asarray(leaf) for leaf in tf.nest.flatten([getattr(self, f) for f in DRAWS])]
        rows = np.concatenate(
            [
                np.ascontiguousarray(leaf).view(np.uint8).reshape(self.num_sessions, -1)
                for leaf in leaves
            ],
            axis=1,
        )
        _, first, counts = np.unique(
            rows.view(f"V{rows.shape[1]}"), return_index=True, return_counts=True
        )
        order = np.argsort(first)
        return first[order], counts[order]

    def pad(self, max_length: int) -> "Log":
        """The log with T = `max_length` steps, of which the last ones are repeated. Raises a
        ValueError if `max_length` is below that of the log.
        """
        require("max_length", max_length, Annotated[int, AtLeast(self.max_length)])
        steps = np.minimum(np.arange(max_length), self.max_length - 1)
        return self.map_steps(lambda leaf: leaf[:, steps])

    def cut(self, length: np.ndarray) -> "Log":
        """The first steps of each session: `length`, int [S], from 1 to `self.length`. A session
        that is cut has not departed yet.
        """
        given = np.asarray(length)
        if (
            given.dtype.kind not in "iu"
            or given.shape != self.length.shape
            or not ((given >= 1) & (given <= self.length)).all()
        ):
            raise ValueError(
                "length must have a whole number of steps for each session, from 1 to the session's"
                f" length, got {shown(length)}"
            )
        length = given.astype(np.int32)
        departed = self.departed
        if not isinstance(departed, tuple):
            departed = departed & (length == self.length)
        return self._replace(length=length, departed=departed).map_steps(
            lambda leaf: repeat_last_step(leaf, length)[:, : length.max()]
        )

    def followed_by(self, later: "Log") -> "Log":
        """The sessions of this log, each continued by the steps of the same row of `later`. Raises
        a ValueError for another number of sessions.
        """
        if later.num_sessions != self.num_sessions:
            raise ValueError(
                f"later must have the {self.num_sessions} sessions that it continues, got"
                f" {later.num_sessions}"
            )
        length = self.length + later.length
        active = np.concatenate([self.active, later.active], axis=1)
        order = np.argsort(~active, axis=1, kind="stable")[:, : length.max()]

        def joined(first, second):
            return take_steps(np.concatenate([first, second], axis=1), order)

        by_step = tf.nest.map_structure(joined, self._by_step(), later._by_step())
        whole = self._replace(length=length, departed=later.departed)
        return whole._with_steps(repeat_last_step(by_step, length))

    def map_steps(self, function: Callable[[np.ndarray], np.ndarray]) -> "Log":
        """The log with a function applied to all arrays [S, T, ...]."""
        return self._with_steps(tf.nest.map_structure(function, self._by_step()))

    def _by_step(self) -> dict[str, Nest]:
        """All arrays [S, T, ...] by field. "labels" has the labels of steps."""
        fields = {name: getattr(self, name) for name in checks.STEPS}
        return fields | {"labels": {"step": self.labels.step, "time": self.labels.time}}

    def _with_steps(self, by_step: dict[str, Any]) -> "Log":
        return self._replace(**by_step | {"labels": self.labels._replace(**by_step["labels"])})

    @checked
    def split(
        self,
        held_out: Annotated[float, Range(above=0, below=1)],
        seed: WholeNumber = 0,
        by: Literal["user", "time"] = "user",
    ) -> tuple["Log", "Log"]:
        """Splits the sessions into two logs.

        Args:
          held_out: approximate fraction of the sessions in the second log, in (0, 1). Each log gets
            at least one session.
          seed: the seed of the choice of sessions, or of users.
          by: "user" chooses at random, and all sessions of a user go to the same log if the log has
            the users of its sessions; "time" puts the sessions that begin last into the second log.

        Raises:
          ValueError: for a fraction outside (0, 1), an unknown `by`, a log of fewer than two
            sessions or users, or a split by time of a log without timestamps.
        """
        users = users_of([self.labels])
        by_session = by == "time" or isinstance(users, tuple)
        groups = np.arange(self.num_sessions) if by_session else users
        number = int(groups.max(initial=-1)) + 1
        if number < 2:
            unit = "sessions" if by_session else "users"
            raise ValueError(f"log must have at least 2 {unit} to be split, got {number}")
        count = min(max(round(held_out * number), 1), number - 1)
        if by == "time":
            if isinstance(self.labels.time, tuple):
                raise ValueError("log must have timestamps to be split by time, got none")
            self.require("split by time", "shown")
            first = np.where(self.shown[:, 0], self.labels.time[:, 0], np.inf)
            chosen = np.argsort(first.min(axis=1), kind="stable")[number - count :]
        else:
            chosen = np.random.default_rng(seed).permutation(number)[:count]
        is_held_out = np.isin(groups, chosen)
        return self.take(np.flatnonzero(~is_held_out)), self.take(np.flatnonzero(is_held_out))

    def with_engagement(self) -> "Log":
        """The log for models that draw a pair of choice and engagement, as `choice.with_engagement`
        does. Its response is such a pair, int32 and float32 [S, T].

        The engagement belongs to the document chosen. It is NaN if it is unknown, and the
        likelihood then leaves it out. It is 1 if no document is chosen; models mask it. If a slate
        may have several clicks, the pair consists of the clicks and the engagement with each
        document, [S, T, K], which is 1 for documents without a click. Raises a ValueError if the
        log has no engagement.
        """
        self.require("with_engagement", "engagement")
        response, engagement = self.response, self.engagement
        if isinstance(response, np.ndarray) and response.ndim == 2:
            padded = np.concatenate([engagement, np.ones_like(engagement[..., :1])], axis=2)
            engagement = np.take_along_axis(padded, response[..., np.newaxis], axis=2)[..., 0]
        else:
            clicked = getattr(response, "clicked", response)
            engagement = np.where(clicked == 1, engagement, np.float32(1))
        return self._replace(response=(response, engagement), engagement=())

    def check(self) -> "Log":
        """Checks the fields, and returns the log. Raises a ValueError for fields of other types and
        sizes, lengths out of range, slates out of range, repeated candidates in a step or a slate,
        rewards that are not finite, rewards of an empty position, discounts outside [0, 1], and
        values that are not probabilities. The error names session, step and position.
        """
        checks.check(self)
        return self

    def __repr__(self) -> str:
        return summary_text("Log", showing.rows(self))

    def _repr_html_(self) -> str:
        return summary_html("Log", showing.rows(self))


# Descriptions of fields for the errors of `Log.require`.
_NEEDED = {
    "response": "responses of users (clicks, or chosen documents)",
    "departed": "departures (a column departed, or the option departed=True where users left after"
    " their last steps, departed=False where sessions were cut)",
    "reward": "rewards",
    "observation": "observations of candidates",
    "engagement": "engagement, such as dwell times or ratings,",
    "propensity": "propensities",
}


def take_steps(nest: Nest, steps: np.ndarray) -> Nest:
    """A nest of [S, U, ...] with the steps int [S, U] of each session of arrays [S, T, ...]."""
    rows = np.arange(len(steps))[:, np.newaxis]
    return tf.nest.map_structure(lambda leaf: leaf[rows, steps], nest)


def repeat_last_step(nest: Nest, length: np.ndarray) -> Nest:
    """Arrays [S, T, ...] whose sessions of `length` int [S] repeat their last step at the end."""
    return tf.nest.map_structure(
        lambda leaf: take_steps(
            leaf, np.minimum(np.arange(leaf.shape[1]), length[:, np.newaxis] - 1)
        ),
        nest,
    )
