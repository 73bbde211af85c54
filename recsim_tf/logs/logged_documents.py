# SPDX-License-Identifier: Apache-2.0
"""The documents of a log as a document model: the candidates of each step, and their attributes."""

import functools
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests, random
from recsim_tf.core.base.arguments import configurable
from recsim_tf.core.base.types import Nest, Seed, Slate
from recsim_tf.core.distributions import Given
from recsim_tf.core.distributions.categories import UniformCategories
from recsim_tf.core.distributions.custom import CustomDistribution
from recsim_tf.core.models.models import DocumentModel
from recsim_tf.core.simulator import Simulator
from recsim_tf.logs.arguments import log_of
from recsim_tf.logs.cuts import rows_of_steps
from recsim_tf.logs.log import Log, Sessions

_PREFIX = "documents."


class LoggedStep(NamedTuple):
    """The session and the step of the log that each corpus is at, int32 [W] each."""

    session: Any
    step: Any


class LoggedDocument(NamedTuple):
    """Documents [W, N] with the attributes that the log has."""

    document: Nest  # documents of the document model, a nest of [W, N, ...]
    logged: Nest  # logged hidden attributes, a nest of [W, N, ...], zeros where there are none
    is_logged: tf.Tensor  # bool [W, N], whether the log has the hidden attributes
    seen: Nest  # logged observations, a nest of [W, N, ...], or () where there are none


@configurable(module="recsim_tf")
class Logged(DocumentModel):
    """The documents of a log. The candidates of a step are those of a logged session in that step.

    A corpus follows a random session of the log. After the end of that session the candidates are
    those of other sessions at the same step, see `rows_of_steps`. After the longest session the
    steps begin again.

        simulator = logs.with_logged_candidates(fitted, log)
        trajectory = simulator.rollout(policy, 10_000, 20, seed=0)

    The log has the hidden attributes of the documents that were shown. It has those of all
    candidates if the table of candidates has columns with the attributes' names. The document model
    draws all others. Agents observe the features of that table, or, if it has none, the observation
    of the document model.

    Args:
      documents: the document model, whose candidates are ids int32 [W, N]. It describes the
        documents of the ids.
      log: a `Log` with candidates, or the result of a reader.

    Raises:
      ValueError: for a log without candidates, or documents that users share, that have a corpus
        state or whose candidates are not ids.
    """

    documents: DocumentModel
    log: Any

    def check(self):
        self.log = log_of("Logged.log", self.log)
        self.log.require("Logged", "candidates")
        name = type(self.documents).__name__
        if self.documents.shared or self.documents.has_state:
            raise ValueError(
                "documents must have no corpus state and must not be shared by users, to follow a"
                f" log, got {name}"
            )

    @functools.cached_property
    def _tables(self) -> dict[str, Any]:
        """Tensors of the log for each session and step: the session whose candidates are used, the
        candidates, and their attributes and observations.
        """
        log, logged, is_logged = self.log, (), None
        if tf.nest.flatten(log.hidden):
            logged, is_logged = _logged_attributes(log)
        seen = ()
        if tf.nest.flatten(log.observation):
            seen = log.observation.documents if _has_features(log) else ()
        if is_logged is None:
            is_logged = np.zeros(log.candidates.shape, bool)
        row = rows_of_steps(log).astype(np.int32)
        tables = {"row": row, "candidates": log.candidates, "logged": logged}
        tables |= {"is_logged": is_logged, "seen": seen}
        with tf.init_scope():
            return tf.nest.map_structure(tf.convert_to_tensor, tables)

    def _now(self, name: str, corpus: LoggedStep) -> Nest:
        """The entries of a table at the step of each corpus, a nest of [W, N, ...]."""
        step = corpus.step % self.log.max_length
        row = tf.gather_nd(self._tables["row"], tf.stack([corpus.session, step], axis=1))
        place = tf.stack([row, step], axis=1)
        return tf.nest.map_structure(lambda leaf: tf.gather_nd(leaf, place), self._tables[name])

    def initial_draws(self, num_corpora: int):
        return UniformCategories(self.log.num_sessions, [num_corpora], self.dtype)

    def initial_state(self, draws: tf.Tensor, num_corpora: int):
        return LoggedStep(draws, tf.zeros([num_corpora], tf.int32))

    def candidates(self, num_corpora: int, num_candidates: int, corpus: LoggedStep, user: Nest):
        if num_candidates != self.log.candidates.shape[2]:
            raise ValueError(
                f"num_candidates must be {self.log.candidates.shape[2]}, as in the log, got"
                f" {num_candidates}: `logs.with_logged_candidates` makes the simulator"
            )
        return tfd.Independent(Given(self._now("candidates", corpus), self.dtype), 1)

    def describe(self, draw: tf.Tensor, corpus: LoggedStep):
        # The positions of the documents [W, K] among the candidates of the step.
        is_same = self._now("candidates", corpus)[:, tf.newaxis] == draw[..., tf.newaxis]
        position = tf.argmax(is_same, axis=2, output_type=tf.int32)
        logged, is_logged, seen = (
            nests.take(self._now(name, corpus), position)
            for name in ("logged", "is_logged", "seen")
        )
        document = self.documents.describe(draw, ())
        is_logged &= tf.reduce_any(is_same, axis=2)
        return LoggedDocument(document, logged, is_logged, seen)

    def reveal(self, documents: LoggedDocument):
        drawn = self.documents.reveal(documents.document)
        if drawn is None or not tf.nest.flatten(documents.logged):
            return drawn
        return _LoggedOrDrawn(drawn, documents.logged, documents.is_logged)

    def show(self, documents: LoggedDocument, hidden: Nest):
        return self.documents.show(documents.document, hidden)

    def observe(self, documents: LoggedDocument):
        if tf.nest.flatten(documents.seen):
            return documents.seen
        return self.documents.observe(documents.document)

    def observation_bounds(self):
        if tf.nest.flatten(self._tables["seen"]):
            return super().observation_bounds()
        return self.documents.observation_bounds()

    def update(self, corpus: LoggedStep, slate: Slate, response: Nest, innovation: Nest):
        return corpus._replace(step=corpus.step + 1)


class _LoggedOrDrawn(CustomDistribution):
    """Hidden attributes, a nest of [W, K, ...]: logged where the log has them, else drawn.

    Args:
      drawn: the distribution of the attributes of all documents.
      logged: the logged attributes, in the structure of a draw.
      is_logged: bool [W, K], whether the log has the attributes of a document.
    """

    def __init__(self, drawn: tfd.Distribution, logged: Nest, is_logged: tf.Tensor):
        parameters = dict(locals())
        self.drawn, self.logged, self.is_logged = drawn, logged, is_logged
        super().__init__(drawn.dtype, parameters, batch=is_logged, num_inner=1)

    def _event_shape(self):
        return self.drawn.event_shape

    def _log_prob(self, value: Nest):
        # Logged attributes are inputs, as candidates are, and have no probability.
        return tf.where(tf.reduce_all(self.is_logged, axis=1), 0, self.drawn.log_prob(value))

    def with_logged(self, draw: Nest) -> Nest:
        """A draw in which the logged attributes replace the drawn ones."""

        def replaced(logged: tf.Tensor, drawn: tf.Tensor):
            inner_axes = [1] * (drawn.shape.rank - 2)
            is_logged = tf.reshape(self.is_logged, [*self.is_logged.shape, *inner_axes])
            return tf.where(is_logged, tf.cast(logged, drawn.dtype), drawn)

        return tf.nest.map_structure(replaced, self.logged, draw)

    def _sample_n(self, n: int | tf.Tensor, seed: Seed | None = None):
        draws = self.drawn.sample(n, seed=seed)
        return tf.nest.map_structure(
            lambda *leaves: tf.stack(leaves),
            *(self.with_logged(nests.at_step(draws, number)) for number in range(int(n))),
        )


@random.sample.register
def _(distribution: _LoggedOrDrawn, seed: Seed):
    return distribution.with_logged(random.sample(distribution.drawn, seed))


def _logged_attributes(log: Log) -> tuple[Nest, np.ndarray]:
    """The hidden attributes of all candidates, a nest of [S, T, N, ...], and a mask of the
    candidates for which the log has them, bool [S, T, N].
    """
    names, features = log.labels.attributes, log.labels.features
    if names and set(names) <= set(features):
        columns = [log.observation.documents[..., features.index(name)] for name in names]
        attributes = tf.nest.pack_sequence_as(log.hidden, columns)
        return attributes, np.ones(log.candidates.shape, bool)
    # The log has the attributes of the documents that were shown.
    session, step, position = np.nonzero(log.shown)
    is_shown = log.candidates[session, step] == log.documents[session, step, position][:, None]
    row, place = np.nonzero(is_shown)
    where = session[row], step[row], place
    is_logged = np.zeros(log.candidates.shape, bool)
    is_logged[where] = True

    def by_candidate(leaf: np.ndarray) -> np.ndarray:
        attributes = np.zeros([*log.candidates.shape, *leaf.shape[3:]], leaf.dtype)
        attributes[where] = leaf[session[row], step[row], position[row]]
        return attributes

    return tf.nest.map_structure(by_candidate, log.hidden), is_logged


@configurable(module="recsim_tf")
def with_logged_candidates(simulator: Simulator, log: Any) -> Simulator:
    """A simulator whose candidates are those of a log, see `Logged`.

    Args:
      simulator: a simulator with any number of candidates, whose documents are ids.
      log: a log with candidates, and slates of the simulator's size.

    Raises:
      ValueError: see `Logged`; if `simulator` is not a Simulator; and for slates of another size.
    """
    log = log_of("with_logged_candidates.log", log)
    if log.slate_size != simulator.slate_size:
        raise ValueError(
            f"simulator must show slates of {log.slate_size} documents, as the log does, got"
            f" {simulator.slate_size}"
        )
    documents = Logged(simulator.documents, log, dtype=simulator.documents.dtype)
    return simulator.replaced(documents=documents, num_candidates=log.candidates.shape[2])


def following(simulator: Simulator, log: Sessions) -> Simulator:
    """The simulator with the candidates of a log in memory, where the log has features of them, or
    where a step lacks a document of the log. Any other simulator stays as it is.
    """
    if isinstance(simulator.documents, Logged) or not isinstance(log, Log):
        return simulator
    if isinstance(log.candidates, tuple):
        return simulator
    lacks_documents = log.candidates.shape[2] < len(log.labels.document)
    if not (lacks_documents or log.labels.features):
        return simulator
    return with_logged_candidates(simulator, log)


def _has_features(log: Log) -> bool:
    """True for a log whose observed documents are more than the ids of the candidates."""
    leaves = tf.nest.flatten(log.observation.documents)
    is_ids = len(leaves) == 1 and np.array_equal(leaves[0], log.candidates)
    return not is_ids and any(np.size(leaf) for leaf in leaves)


def without_log(simulator: Simulator) -> Simulator:
    """The simulator with the document model that `Logged` documents replaced."""
    documents = simulator.documents
    if not isinstance(documents, Logged):
        return simulator
    return simulator.replaced(documents=documents.documents)


def name_beside_log(name: str) -> str:
    """The name that a parameter of a simulator has in `with_logged_candidates(simulator, ...)`."""
    return f"{_PREFIX}{name}" if name.startswith(_PREFIX) else name
