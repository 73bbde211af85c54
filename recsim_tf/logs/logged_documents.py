"""The documents of a log, as a document model: what could be shown in each step, and what was told
when it was.
"""

import functools
from typing import Any, NamedTuple

import gin
import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests, random
from recsim_tf.core.base.types import Nest, Seed
from recsim_tf.core.distributions import Given
from recsim_tf.core.distributions.categories import UniformCategories
from recsim_tf.core.distributions.custom import CustomDistribution
from recsim_tf.core.models.models import DocumentModel
from recsim_tf.core.simulator import Simulator
from recsim_tf.logs.arguments import log_of
from recsim_tf.logs.cuts import rows_of_steps
from recsim_tf.logs.log import Log

_PREFIX = "documents."


class LoggedStep(NamedTuple):
    """Where each corpus stands in the log, int32 [W] each."""

    session: Any
    step: Any


class LoggedDocument(NamedTuple):
    """Documents [W, N], with what the log tells of them."""

    document: Nest  # of the document model, a nest of [W, N, ...]
    told: Nest  # hidden attributes, a nest of [W, N, ...], zeros where the log does not have them
    is_told: tf.Tensor  # bool [W, N]
    seen: Nest  # what agents saw, a nest of [W, N, ...], or () where the log does not have it


@gin.configurable(module="recsim_tf")
class Logged(DocumentModel):
    """The documents of a log: in each step the candidates that a logged session had in that step.

    A corpus is a session of the log, drawn at random. After the last step of that session come the
    candidates of others at the same step, see `rows_of_steps`; after the longest session they
    begin again.

        simulator = logs.with_logged_candidates(fitted, log)
        trajectory = simulator.rollout(policy, 10_000, 20, seed=0)

    Attributes that were told when a document was shown are those of the log, where it has them: of
    the documents that were shown, or of all candidates where a column of the table of candidates
    has the attribute's name. The others are drawn by the document model. Agents see the features of
    that table, where it has some, else what the document model lets them see.

    Args:
      documents: the document model, whose candidates are ids int32 [W, N]. It says what ids stand
        for.
      log: a `Log` with candidates, or what a reader gives.

    Raises:
      ValueError: for a log without candidates, or documents that users share, that have a corpus
        state or whose candidates are no ids.
    """

    documents: DocumentModel
    log: Any

    def check(self):
        log = log_of("Logged.log", self.log)
        log.require("Logged", "candidates")
        name = type(self.documents).__name__
        if not isinstance(self.documents, DocumentModel):
            raise ValueError(f"documents must be a DocumentModel, got {name}")
        if self.documents.shared or self.documents.has_state:
            raise ValueError(
                "documents must have no corpus state and not be shared by users, to be those of a"
                f" log, got {name}"
            )

    @functools.cached_property
    def _tables(self) -> dict[str, Any]:
        """Tensors of the log: of each session and step the row of the log whose candidates come,
        the candidates, and what is told and seen of them.
        """
        log, told, is_told = self.log, (), None
        if tf.nest.flatten(log.hidden):
            told, is_told = _told(log)
        seen = ()
        if tf.nest.flatten(log.observation):
            has_features = any(np.size(leaf) for leaf in tf.nest.flatten(log.observation.documents))
            seen = log.observation.documents if has_features else ()
        if is_told is None:
            is_told = np.zeros(log.candidates.shape, bool)
        row = rows_of_steps(log).astype(np.int32)
        tables = {"row": row, "candidates": log.candidates, "told": told}
        tables |= {"is_told": is_told, "seen": seen}
        with tf.init_scope():
            return tf.nest.map_structure(tf.convert_to_tensor, tables)

    def _now(self, name: str, corpus: LoggedStep) -> Nest:
        """What a table has of the step of each corpus, a nest of [W, N, ...]."""
        step = corpus.step % self.log.max_length
        row = tf.gather_nd(self._tables["row"], tf.stack([corpus.session, step], axis=1))
        place = tf.stack([row, step], axis=1)
        return tf.nest.map_structure(lambda leaf: tf.gather_nd(leaf, place), self._tables[name])

    def initial_draws(self, num_corpora: int):
        return UniformCategories(self.log.num_sessions, [num_corpora], self.dtype)

    def initial_state(self, draws: Nest, num_corpora: int):
        return LoggedStep(draws, tf.zeros([num_corpora], tf.int32))

    def candidates(self, num_corpora: int, num_candidates: int, corpus: Nest, user: Nest):
        if num_candidates != self.log.candidates.shape[2]:
            raise ValueError(
                f"num_candidates must be {self.log.candidates.shape[2]}, as in the log, got"
                f" {num_candidates}: `logs.with_logged_candidates` makes the simulator"
            )
        return tfd.Independent(Given(self._now("candidates", corpus), self.dtype), 1)

    def describe(self, draw: Nest, corpus: Nest):
        # Where the documents [W, K] stand among the candidates of the step.
        is_there = self._now("candidates", corpus)[:, tf.newaxis] == draw[..., tf.newaxis]
        position = tf.argmax(is_there, axis=2, output_type=tf.int32)
        told, is_told, seen = (
            nests.take(self._now(name, corpus), position) for name in ("told", "is_told", "seen")
        )
        document = self.documents.describe(draw, ())
        return LoggedDocument(document, told, is_told & tf.reduce_any(is_there, axis=2), seen)

    def reveal(self, documents: Nest):
        drawn = self.documents.reveal(documents.document)
        if drawn is None or not tf.nest.flatten(documents.told):
            return drawn
        return _Told(drawn, documents.told, documents.is_told)

    def show(self, documents: Nest, hidden: Nest):
        return self.documents.show(documents.document, hidden)

    def observe(self, documents: Nest):
        if tf.nest.flatten(documents.seen):
            return documents.seen
        return self.documents.observe(documents.document)

    def observation_bounds(self):
        if tf.nest.flatten(self._tables["seen"]):
            return super().observation_bounds()
        return self.documents.observation_bounds()

    def update(self, corpus: Nest, slate: Nest, response: Nest, innovation: Nest):
        return corpus._replace(step=corpus.step + 1)


class _Told(CustomDistribution):
    """Hidden attributes, a nest of [W, K, ...]: the log's where it has them, else drawn.

    Args:
      drawn: the distribution of all of them.
      told: the log's, of the structure of a draw.
      is_told: bool [W, K].
    """

    def __init__(self, drawn: tfd.Distribution, told: Nest, is_told: tf.Tensor, name: str = "Told"):
        parameters = dict(locals())
        self.drawn, self.told, self.is_told = drawn, told, is_told
        super().__init__(drawn.dtype, parameters, name, batch=is_told, num_inner=1)

    def _event_shape(self):
        return self.drawn.event_shape

    def _log_prob(self, value: Nest):
        # What a log tells is given, as candidates are.
        return tf.where(tf.reduce_all(self.is_told, axis=1), 0, self.drawn.log_prob(value))

    def with_told(self, draw: Nest) -> Nest:
        """A draw with the log's attributes in their places."""

        def of_leaf(told: tf.Tensor, drawn: tf.Tensor):
            further = [1] * (drawn.shape.rank - 2)
            is_told = tf.reshape(self.is_told, [*self.is_told.shape, *further])
            return tf.where(is_told, tf.cast(told, drawn.dtype), drawn)

        return tf.nest.map_structure(of_leaf, self.told, draw)

    def _sample_n(self, n: int | tf.Tensor, seed: Seed | None = None):
        draws = self.drawn.sample(n, seed=seed)
        return tf.nest.map_structure(
            lambda *leaves: tf.stack(leaves),
            *(self.with_told(nests.at_step(draws, number)) for number in range(int(n))),
        )


@random.sample.register
def _(distribution: _Told, seed: Seed):
    return distribution.with_told(random.sample(distribution.drawn, seed))


def _told(log: Log) -> tuple[Nest, np.ndarray]:
    """The hidden attributes of all candidates, a nest of [S, T, N, ...], and where the log has
    them, bool [S, T, N].
    """
    names, features = log.labels.attributes, log.labels.features
    if names and set(names) <= set(features):
        columns = [log.observation.documents[..., features.index(name)] for name in names]
        told = tf.nest.pack_sequence_as(log.hidden, columns)
        return told, np.ones(log.candidates.shape, bool)
    # Of the documents that were shown.
    session, step, position = np.nonzero(log.shown)
    is_shown = log.candidates[session, step] == log.documents[session, step, position][:, None]
    row, place = np.nonzero(is_shown)
    where = session[row], step[row], place
    is_told = np.zeros(log.candidates.shape, bool)
    is_told[where] = True

    def of_candidates(leaf: np.ndarray) -> np.ndarray:
        told = np.zeros([*log.candidates.shape, *leaf.shape[3:]], leaf.dtype)
        told[where] = leaf[session[row], step[row], position[row]]
        return told

    return tf.nest.map_structure(of_candidates, log.hidden), is_told


@gin.configurable(module="recsim_tf")
def with_logged_candidates(simulator: Simulator, log: Any) -> Simulator:
    """A simulator whose candidates are those of a log, see `Logged`.

    Args:
      simulator: of any number of candidates, whose documents are ids.
      log: with candidates, and slates of the simulator's size.

    Raises:
      ValueError: as `Logged`, and for slates of another size.
    """
    log = log_of("with_logged_candidates.log", log)
    if log.slate_size != simulator.slate_size:
        raise ValueError(
            f"simulator must show slates of {log.slate_size} documents, as the log does, got"
            f" {simulator.slate_size}"
        )
    documents = Logged(simulator.documents, log, dtype=simulator.documents.dtype)
    return simulator.replaced(documents=documents, num_candidates=log.candidates.shape[2])


def without_log(simulator: Simulator) -> Simulator:
    """The simulator with its own documents in the place of `Logged` ones."""
    documents = simulator.documents
    if not isinstance(documents, Logged):
        return simulator
    return simulator.replaced(documents=documents.documents)


def name_beside_log(name: str) -> str:
    """The name that a parameter of a simulator has in `with_logged_candidates(simulator, ...)`."""
    return f"{_PREFIX}{name}" if name.startswith(_PREFIX) else name
