# SPDX-License-Identifier: Apache-2.0
"""Logs with the observations that a simulator makes of their sessions, so that one policy can be
asked about a log and about simulated sessions.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.arguments import checked
from recsim_tf.core.base.types import Nest, Observation, Trajectory
from recsim_tf.core.runs.execution import compiled, traced_call
from recsim_tf.core.simulator import Simulator
from recsim_tf.logs.episodes import Session, session_spec
from recsim_tf.logs.hidden_users import is_of
from recsim_tf.logs.log import Log, Sessions, repeat_last_step
from recsim_tf.logs.log_stream import LogStream
from recsim_tf.logs.logged_documents import following, without_log
from recsim_tf.logs.missing import Part, draw_parts, lacking
from recsim_tf.logs.observations import observations
from recsim_tf.logs.trajectories import as_trajectory, by_field, scoring_simulator

# Sessions, with draws of what a log lacks, that show whether an observation depends on it.
_NUM_COMPARED = 64
_NUM_CORPORA = 100  # of which the candidates show whether they are always the same
# Draws of steps that a log may lack, in words.
_STAGES = {
    "hidden": "hidden attributes of the documents shown",
    "response": "responses of the users",
    "innovation": "draws by which the users change",
}


@checked
def with_observations(simulator: Simulator, log: Sessions) -> Sessions:
    """Logged sessions with the observations that agents of a simulator have of them.

    Parts of the log's observations that have the structure of the simulator's stay. Others are made
    anew. Users are observed in the states in which the simulator follows their sessions. A missing
    value is NaN there, or -1 among integers. Documents are what the document model observes of the
    log's candidates, or their features where simulations have these, see `Logged`. If the
    candidates of the simulator are always the same documents, they are the candidates of a log
    that has none. A log whose candidates are unknown, or are shared by users, stays as it is.

    Args:
      simulator: the models.
      log: a `Log`, or sessions in pieces, which are observed anew in each pass.

    Raises:
      ValueError: for slates of another size, documents that are not those of the model, and draws
        that the log lacks if the observations depend on them. For sessions in pieces it is raised
        by a pass.
    """
    observer = _Observer(simulator, log)
    return observer.of(log) if isinstance(log, Log) else _Observed(log, observer.of)


def check_slates(simulator: Simulator, log: Log) -> None:
    """Raises a ValueError for a model whose slates have another size than those of a log."""
    if simulator.slate_size != log.slate_size:
        raise ValueError(
            f"model must show slates of {log.slate_size} documents, like the log, got"
            f" {simulator.slate_size}"
        )


class _Observed(LogStream):
    """Sessions in pieces, to each of which a function is applied in each pass."""

    def __init__(self, log: Sessions, function: Callable[[Log], Log]):
        self._pieces = lambda: map(function, log.pieces())
        self.lengths, self.max_length = list(log.lengths), log.max_length
        self.num_sessions, self.num_steps = log.num_sessions, log.num_steps


class _Observer:
    """The observations of the pieces of a log by a simulator."""

    def __init__(self, simulator: Simulator, log: Sessions):
        self._simulator, self._log = simulator, log
        self._followers: dict[tuple[str, ...], Any] = {}

    @functools.cached_property
    def _spec(self) -> Observation:
        return following(self._simulator, self._log).observation_spec()

    @functools.cached_property
    def _scorer(self) -> Simulator:
        return scoring_simulator(self._simulator)

    def of(self, log: Log) -> Log:
        """A piece of the log with the simulator's observations."""
        check_slates(self._simulator, log)
        if self._simulator.documents.shared:
            return log
        if not tf.nest.flatten(log.observation) and isinstance(log.candidates, tuple):
            log = self._with_catalogue(log)
            if isinstance(log.candidates, tuple):
                return log
        user, documents, response = log.observation or ((), (), ())
        spec = self._spec
        # Policies choose from any number of candidates.
        if not _is_like(spec.documents, documents, num_free=1):
            documents = self._documents(log, documents)
        if not (_is_like(spec.user, user) and _is_like(spec.response, response)):
            user, response = self._followed(log)
        return log._replace(observation=Observation(user, documents, response))

    @functools.cached_property
    def _catalogue(self) -> np.ndarray | None:
        """The ids of the candidates of a model that has always the same ones, int [N]; or None."""
        simulator = without_log(self._simulator)
        if simulator.documents.has_state or not _is_of_ids(simulator):
            return None
        number = max(simulator.num_users or _NUM_CORPORA, simulator.fewest_users)
        drawn = [
            simulator.reset(number, seed).candidates.numpy()
            for seed in range(-(-_NUM_CORPORA // number))
        ]
        ids = np.sort(np.concatenate(drawn), axis=1)
        return ids[0] if (ids == ids[0]).all() and (np.diff(ids[0]) > 0).all() else None

    def _with_catalogue(self, log: Log) -> Log:
        """The log with the candidates of a model that are always the same, if they are."""
        ids = self._catalogue
        if ids is None or not tf.nest.flatten(log.documents):
            return log
        vocabulary, counted = log.labels.document, log.counted
        if len(vocabulary) not in (0, len(ids)):
            raise ValueError(
                f"log must have the {len(ids)} documents of the model, got {len(vocabulary)}:"
                " from_table reads them as document_ids="
            )
        documents = np.where(log.shown, log.documents, ids[0])
        unknown = documents[counted & ~np.isin(documents, ids)]
        if len(unknown):
            raise ValueError(
                f"log.documents must be of the {len(ids)} documents of the model, got {unknown[0]}"
            )
        slate = np.where(log.shown, np.searchsorted(ids, documents), -1).astype(np.int32)
        candidates = np.tile(ids.astype(np.int32), [*log.active.shape, 1])
        return log._replace(slate=slate, candidates=candidates)

    def _documents(self, log: Log, seen: Nest) -> Nest:
        """What the document model observes of the candidates, a nest of [S, T, N, ...]; `seen`
        where that cannot be known.
        """
        simulator = without_log(self._simulator)
        is_known = not isinstance(log.candidates, tuple) and _is_of_ids(simulator)
        if not is_known or simulator.documents.has_state:
            return seen
        num_steps, number = log.max_length, log.candidates.shape[2]
        model = simulator.documents

        @compiled
        def observed(ids: tf.Tensor) -> Nest:
            return model.observe(model.describe(ids, ()))

        ids = tf.reshape(tf.constant(log.candidates, tf.int32), [-1, number])
        return tf.nest.map_structure(
            lambda leaf: leaf.numpy().reshape(-1, num_steps, *leaf.shape[1:]),
            traced_call(observed, ids),
        )

    def _followed(self, log: Log) -> tuple[Nest, Nest]:
        """The observations of the users and of their last responses, nests of [S, T, ...]."""
        scorer, number = self._scorer, log.num_sessions
        spec = session_spec(scorer, number)
        parts, log = lacking(log, scorer.users, number, spec.initial.user)
        stages, log = _lacking_stages(log, spec)
        known = as_trajectory(log, scorer, number, spec=spec)
        hidden = [part for part in parts if not part.is_partly_known]

        def seen(sessions: Trajectory, seed: int = 0) -> tuple[Nest, Nest]:
            return traced_call(self._follow(stages), sessions, random.as_seed(seed))

        if not (hidden or stages):
            return _by_session(seen(known), log)
        begun = _drawn(parts, hidden, scorer, known, 0)
        first = seen(begun)
        for draw in range(1, 1 + -(-_NUM_COMPARED // number)):
            anew = _drawn(parts, hidden, scorer, known, draw)
            if stages:
                missing = " and ".join(_STAGES[stage] for stage in stages)
                _require_same(first, seen(begun, draw), missing)
            for part in hidden:
                other = part.put_into(begun, part.of(anew.initial.user))
                _require_same(first, seen(other), part.described)
        return _by_session(first, log)

    def _follow(self, stages: tuple[str, ...]) -> Any:
        """A compiled function of sessions and a seed to the observations of `_followed`."""
        if stages not in self._followers:

            @compiled
            def follow(sessions: Trajectory, seed: tf.Tensor) -> tuple[Nest, Nest]:
                seen = observations(self._scorer, sessions, stages, seed)
                return seen.user, seen.response

            self._followers[stages] = follow
        return self._followers[stages]


def _lacking_stages(log: Log, spec: Session) -> tuple[tuple[str, ...], Log]:
    """The draws of steps that a log lacks and that later observations may depend on, and the log
    with zeros in their place. Raises a ValueError for documents that are not those of the model.
    """
    shape = (log.num_sessions, log.max_length)
    log = log._replace(
        shown=log.slate >= 0 if isinstance(log.shown, tuple) else log.shown,
        departed=np.ones(shape[:1], bool) if isinstance(log.departed, tuple) else log.departed,
        innovation=by_field(spec.draws.innovation, log.innovation, "innovation"),
    )
    specs = {name: getattr(spec.draws, name) for name in _STAGES}
    lacks = [name for name, like in specs.items() if _lacks(getattr(log, name), like)]
    specs["documents"] = spec.draws.candidates
    if not is_of(log.documents, specs["documents"], allow_floats=False):
        if log.max_length > 1:
            raise ValueError(
                "log.documents must be those of the model, to observe users after their first step,"
                " got others"
            )
        lacks.append("documents")

    def zeros(like: tf.TensorSpec) -> np.ndarray:
        return np.zeros([*shape, *like.shape], like.dtype.as_numpy_dtype)

    log = log._replace(**{name: tf.nest.map_structure(zeros, specs[name]) for name in lacks})
    # Sessions of one step are observed before these draws.
    return tuple(lacks) if log.max_length > 1 else (), log


def _lacks(logged: Nest, spec: Nest) -> bool:
    return bool(tf.nest.flatten(spec)) and not is_of(logged, spec)


def _drawn(
    parts: Sequence[Part], hidden: Sequence[Part], scorer: Simulator, known: Trajectory, seed: int
) -> Trajectory:
    """The sessions with draws of the parts `hidden` that all sessions lack. Values of other `parts`
    that some sessions lack are still missing.
    """
    sessions = known
    if hidden:
        drawn, _ = draw_parts(parts, scorer.users, known, random.as_seed(seed))
        for part in hidden:
            sessions = part.put_into(sessions, part.of(drawn.initial.user))
    return sessions


def _require_same(seen: Nest, other: Nest, missing: str) -> None:
    """Raises a ValueError if observations depend on draws that a log lacks."""
    for leaf, like in zip(tf.nest.flatten(seen), tf.nest.flatten(other), strict=True):
        if not np.array_equal(leaf, like, equal_nan=leaf.dtype.is_floating):
            raise ValueError(
                f"log must have {missing}, on which the model's observations depend, got none"
            )


def _by_session(seen: Nest, log: Log) -> Nest:
    by_session = tf.nest.map_structure(lambda leaf: np.swapaxes(leaf.numpy(), 0, 1), seen)
    return repeat_last_step(by_session, log.length)


def _is_of_ids(simulator: Simulator) -> bool:
    """True if the candidates of a simulator are draws of ids."""
    spec = session_spec(simulator, simulator.num_users or 1).initial.candidates
    return isinstance(spec, tf.TensorSpec) and spec.dtype.is_integer and spec.shape.rank == 1


def _is_like(spec: Nest, seen: Nest, num_free: int = 0) -> bool:
    """True for observations [S, T, ...] of the structure, the dtypes and the shapes of specs, but
    for the first `num_free` axes of these.
    """
    try:
        tf.nest.assert_same_structure(spec, seen)
    except (TypeError, ValueError):
        return False
    return all(
        tf.as_dtype(leaf.dtype) == like.dtype
        and leaf.shape[2 + num_free :] == tuple(like.shape[num_free:])
        for like, leaf in zip(tf.nest.flatten(spec), tf.nest.flatten(seen), strict=True)
    )
