"""Log-likelihoods that are sums over sessions, computed batch by batch."""

import abc
import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.types import Nest, Seed, Trajectory
from recsim_tf.core.models.evidence import PreparingUsers, prepared_by
from recsim_tf.core.models.models import UserModel
from recsim_tf.core.runs.execution import compiled, num_side_by_side, side_by_side
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.likelihood.likelihood import Likelihood, LogLikelihood
from recsim_tf.fitting.likelihood.missing import Part, lacking, of_parts, with_zeros
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.parameters.unconstrained import differentiated
from recsim_tf.logs.episodes import session_spec
from recsim_tf.logs.log import Log, Sessions
from recsim_tf.logs.trajectories import (
    as_trajectory,
    by_field,
    concatenated,
    scoring_simulator,
)


class Seeds(NamedTuple):
    """Seeds of the draws that a log lacks, int32 [2] each."""

    initial: tf.Tensor
    innovation: tf.Tensor

    def of_inner(self) -> "Seeds":
        """Other seeds of initial draws, for the score of sessions that have a part of them."""
        return self._replace(initial=self.initial + 1)


class SessionScore(NamedTuple):
    """The log-likelihood of single sessions. A likelihood that sums out a part of the initial draws
    makes it from the score of sessions that have the part, so that parts can be treated one by one.
    """

    # maps a simulator, sessions [T, B, ...], their positions in the log int32 [B], and seeds to [B]
    score: Callable[[Simulator, Trajectory, tf.Tensor, Seeds], tf.Tensor]
    latents: tuple[str, ...] = ()  # what is done with each draw that a log lacks, in words
    variables: tuple[tf.Variable, ...] = ()  # of posteriors of single sessions
    # maps the user model to posterior locations of parts, nests of [S, ...]
    initial_draws: Callable[[UserModel], dict[Part, Nest]] = lambda users: {}


class Lacking(NamedTuple):
    """A log that lacks parts of the initial draws, or none."""

    parts: tuple[Part, ...]  # each after those that it depends on
    users: UserModel  # whose initial draws they are
    num_sessions: int  # S, of the log
    batch_size: int  # sessions that are scored at once


@dataclasses.dataclass(frozen=True)
class SessionLikelihood(Likelihood):
    """A likelihood that has a `SessionScore`."""

    # Whether the innovations that a log lacks are summed out.
    sums_innovations: ClassVar[bool] = False
    # Whether the gradients of single sessions are known exactly.
    has_scores: ClassVar[bool] = False

    def of(
        self, fitted: FittedSimulator, log: Sessions, batch_size: int, seed: Seed = 0
    ) -> "BatchLikelihood":
        return BatchLikelihood(self, fitted, log, batch_size, seed)

    @abc.abstractmethod
    def session_score(self, lacking: Lacking) -> SessionScore:
        """The score of the sessions of a log. Raises a ValueError if this likelihood cannot sum
        out what the log lacks.
        """


class Batch(NamedTuple):
    """Sessions that are scored at once."""

    trajectory: Trajectory  # [T, B, ...]
    rows: tf.Tensor  # int32 [B], their positions in the log
    weights: tf.Tensor  # [B], how often each counts: 0 for those that fill a batch up


class _Choice(NamedTuple):
    """What a batch takes of sessions [T, S, ...]."""

    taken: tf.Tensor  # int32 [B], positions in the sessions
    rows: tf.Tensor  # as of `Batch`
    weights: tf.Tensor

    def of(self, sessions: Trajectory) -> Batch:
        return Batch(take_sessions(sessions, self.taken), self.rows, self.weights)


class _Chosen(NamedTuple):
    """A batch that is not taken yet."""

    sessions: Trajectory  # [T, S, ...]
    choice: _Choice

    def batch(self) -> Batch:
        return self.choice.of(self.sessions)


class _Piece(NamedTuple):
    """A piece of a log."""

    log: Log
    trajectory: Trajectory  # [T, S, ...]
    rows: np.ndarray  # int [D], sessions that are scored in a sum over all of them
    counts: np.ndarray  # int [D], how often each of them counts


class BatchLikelihood(LogLikelihood):
    """The sum of the scores of a log's sessions, and its gradients, by batches of one size in
    compiled functions; see `Likelihood.of`.
    """

    def __init__(
        self,
        likelihood: SessionLikelihood,
        fitted: FittedSimulator,
        log: Sessions,
        batch_size: int,
        seed: Seed = 0,
    ):
        super().__init__(fitted, log, batch_size)
        self.seed = random.as_seed(seed)
        self._scorer = scoring_simulator(fitted.simulator)
        self._spec = session_spec(self._scorer, self.batch_size)
        self._sums_innovations = likelihood.sums_innovations
        users, first = self._scorer.users, next(iter(log.pieces()))
        self._parts, _ = lacking(first, users, self.batch_size, self._spec.initial.user)
        lacks = Lacking(self._parts, users, log.num_sessions, self.batch_size)
        self._session_score = likelihood.session_score(lacks)
        self.latents = "; ".join(self._session_score.latents)
        self.variables = [*self.variables, *self._session_score.variables]
        self.has_scores = likelihood.has_scores and not any(map(np.ndim, fitted.values().values()))
        # Sessions that are equal are scored once, where nothing else tells them apart.
        self._scores_once = not (
            self._parts
            or self._sums_innovations
            or self._scorer.users_per_world
            or fitted.simulator.users_of_parameters()
        )
        self._converted: _Piece | None = None
        names = [name.removeprefix("users.") for name in fitted.parameters]
        # Made once: pieces of a stream come again in every pass.
        self._prepare = compiled(lambda draw: prepared_by(fitted.simulator.users, draw, names))
        wrap = compiled(jit_compile=likelihood.jit_compile)
        self._drawn_score = wrap(self._score_at_draws)
        self._value_and_gradients = wrap(self._differentiated)
        self._values_and_gradients = compiled(self._side_by_side)

    def initial_draws(self) -> Nest:
        found = self._session_score.initial_draws(self.fitted.simulator.users)
        return of_parts(self._spec.initial.user, found)

    def score(self, simulator: Simulator, batch: Batch, seed: Seed | None = None) -> tf.Tensor:
        """[B]: the log-likelihoods of the sessions of a batch under other parameters, those of a
        simulator. Without a seed the draws are the same in all calls.
        """
        _, *seeds = random.split_seed(self.seed if seed is None else seed, 3)
        scorer = scoring_simulator(simulator)
        return self._session_score.score(scorer, batch.trajectory, batch.rows, Seeds(*seeds))

    def _score_at_draws(self, batch: Batch, seed: tf.Tensor) -> tf.Tensor:
        """The score at draws of the parameters' posteriors, if there are any."""
        parameter_seed, *_ = random.split_seed(seed, 3)
        return self.score(self.fitted.draw(parameter_seed), batch, seed)

    def _differentiated(self, batch: Batch, seed: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        def total():
            score = self._score_at_draws(batch, seed)
            return tf.reduce_sum(tf.where(batch.weights > 0, score, 0) * batch.weights)

        return differentiated(total, self.variables)

    @functools.cached_property
    def num_batches(self) -> int:
        """Batches of one pass through the log."""
        return sum(-(-piece.num_sessions // self.batch_size) for piece in self.log.pieces())

    @property
    def trajectory(self) -> Trajectory:
        """The sessions of a log in memory, [T, S, ...]."""
        (piece,) = self._pieces()
        return piece.trajectory

    def _pieces(self) -> Iterator[_Piece]:
        # A piece that comes again, as a log in memory does, is not converted again.
        for log in self.log.pieces():
            if self._converted is None or self._converted.log is not log:
                rows, counts = np.arange(log.num_sessions), np.ones(log.num_sessions, int)
                if self._scores_once:
                    rows, counts = log.distinct()
                self._converted = _Piece(log, self._as_trajectory(log), rows, counts)
            yield self._converted

    def _as_trajectory(self, piece: Log) -> Trajectory:
        spec = self._spec.initial.user
        initial = by_field(spec, piece.initial)
        # Until the parts are summed out.
        initial = with_zeros(self._parts, spec, initial, piece.num_sessions)
        piece = piece._replace(initial=initial)
        trajectory = as_trajectory(
            piece, self._scorer, self.batch_size, latent=self._sums_innovations, spec=self._spec
        )
        draws = trajectory.transitions.draws
        response = self._prepared_responses(draws.response)
        return trajectory._replace(
            transitions=trajectory.transitions._replace(draws=draws._replace(response=response))
        )

    def _prepared_responses(self, draws: Nest) -> Nest:
        """What the user model makes of draws [T, S, ...], a step at a time."""
        if not isinstance(self.fitted.simulator.users, PreparingUsers):
            return draws
        steps = [
            self._prepare(tf.nest.map_structure(lambda leaf, step=step: leaf[step], draws))
            for step in range(tf.nest.flatten(draws)[0].shape[0])
        ]
        return tf.nest.map_structure(lambda *leaves: tf.stack(leaves), *steps)

    def batches(self, generator: np.random.Generator | None = None) -> Iterator[Batch]:
        """Batches that go once through the log, in its order or by a generator at random. The last
        batch of each piece is filled up with sessions of weight zero. Random batches have sessions
        of similar lengths, so that little time is spent on steps after their ends.
        """
        return (chosen.batch() for chosen in self._lazy_batches(generator))

    def _lazy_batches(
        self, generator: np.random.Generator | None = None, distinct: bool = False
    ) -> Iterator[_Chosen]:
        """The `batches` before they are taken; where `distinct`, sessions that are equal are one
        that counts as often.
        """
        first = 0
        for piece in self._pieces():
            length = piece.log.length
            order, counts = np.arange(len(length)), np.ones(len(length), int)
            if distinct:
                order, counts = piece.rows, piece.counts
            starts = np.arange(0, len(order), self.batch_size)
            if generator is not None:
                # Lengths that differ by a tenth or so count as similar.
                noise = np.exp(0.1 * generator.standard_normal(len(length)))
                order, starts = np.argsort(length * noise), generator.permutation(starts)
            for start in starts:
                rows, weights = (
                    np.resize(values[start : start + self.batch_size], self.batch_size)
                    for values in (order, counts)
                )
                is_filling = np.arange(start, start + self.batch_size) >= len(order)
                weights = np.where(is_filling, 0, weights)
                choice = _Choice(
                    tf.constant(rows, tf.int32),
                    tf.constant(first + rows, tf.int32),
                    tf.constant(weights, self.dtype),
                )
                yield _Chosen(piece.trajectory, choice)
            first += len(length)

    def value_and_gradients(
        self, batch: Batch, seed: Seed | None = None
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """The sum over the sessions of a batch, and its gradients in `variables`. Without a seed
        the draws are the same in all calls.
        """
        return self._value_and_gradients(batch, self.seed if seed is None else random.as_seed(seed))

    def by_session(self) -> np.ndarray:
        """[S]: each session's log-likelihood."""
        return np.concatenate(
            [
                self._drawn_score(batch, self.seed).numpy()[batch.weights.numpy() > 0]
                for batch in self.batches()
            ]
        )

    def value(self) -> float:
        return self.total()[0]

    def total(self) -> tuple[float, list[np.ndarray]]:
        """See `LogLikelihood.total`. On a CPU as many batches are scored at a time as TensorFlow
        has threads.
        """
        total = 0.0
        gradients = [np.zeros(variable.shape, np.float64) for variable in self.variables]
        # Summed in order, so that the sums do not depend on the number of cores.
        for value, parts in self._each_batch():
            total += float(value)
            gradients = [gradient + part for gradient, part in zip(gradients, parts, strict=True)]
        return total, gradients

    def _each_batch(self) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
        """The `value_and_gradients` of all batches, in their order. Those of several batches are
        computed `side_by_side`, since TensorFlow mixes up temporaries of calls from several threads
        of Python.
        """
        batches, num_cores = self._lazy_batches(distinct=True), num_side_by_side()
        several = list(itertools.islice(batches, num_cores))
        # Of a log of one batch, or for one core.
        if len(several) == 1:
            for chosen in itertools.chain(several, batches):
                yield _as_numpy(self.value_and_gradients(chosen.batch()))
            return
        while several:
            sessions, choices = _together(several)
            # Compiled once for any number of batches, and of sessions that they are taken from.
            values_and_gradients = self._values_and_gradients.get_concrete_function(
                sessions._replace(
                    initial=_of_any_number(sessions.initial, axis=0),
                    transitions=_of_any_number(sessions.transitions, axis=1),
                ),
                _of_any_number(choices, axis=0),
            )
            results = _as_numpy(values_and_gradients(sessions, choices))
            for number in range(len(several)):
                yield tf.nest.map_structure(lambda leaf, number=number: leaf[number], results)
            several = list(itertools.islice(batches, num_cores))

    def _side_by_side(
        self, sessions: Trajectory, choices: _Choice
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """The `value_and_gradients` of choices [N, B]: [N], and gradients [N, ...]."""
        of_choice = compiled(lambda choice: self.value_and_gradients(choice.of(sessions)))
        return side_by_side(of_choice)(choices)


def _together(several: Sequence[_Chosen]) -> tuple[Trajectory, _Choice]:
    """The sessions that several batches are taken from, and their choices [N, B]."""
    sessions = several[0].sessions
    choices = tf.nest.map_structure(
        lambda *leaves: tf.stack(leaves), *(chosen.choice for chosen in several)
    )
    if any(chosen.sessions is not sessions for chosen in several):
        # Of pieces, which may be much larger than what is taken from them.
        sessions = concatenated([chosen.batch().trajectory for chosen in several])
        taken = tf.reshape(tf.range(tf.size(choices.taken)), choices.taken.shape)
        choices = choices._replace(taken=taken)
    return sessions, choices


def _of_any_number(nest: Nest, axis: int) -> Nest:
    """The specs of tensors that have any length along an axis."""
    return tf.nest.map_structure(
        lambda leaf: tf.TensorSpec([*leaf.shape[:axis], None, *leaf.shape[axis + 1 :]], leaf.dtype),
        nest,
    )


def _as_numpy(nest: Nest) -> Nest:
    return tf.nest.map_structure(lambda leaf: leaf.numpy(), nest)


@compiled
def take_sessions(trajectory: Trajectory, rows: tf.Tensor) -> Trajectory:
    """The trajectory [T, B, ...] of the sessions at positions int32 [B]."""

    def take(leaf, axis):
        shape = leaf.shape.as_list()
        shape[axis] = rows.shape[0]
        return tf.ensure_shape(tf.gather(leaf, rows, axis=axis), shape)

    initial = tf.nest.map_structure(lambda leaf: take(leaf, 0), trajectory.initial)
    transitions = tf.nest.map_structure(lambda leaf: take(leaf, 1), trajectory.transitions)
    return Trajectory(initial, transitions, ())
