# SPDX-License-Identifier: Apache-2.0
"""Methods whose log-likelihoods are sums over sessions, computed batch by batch."""

import abc
import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.types import Nest, Seed, Trajectory
from recsim_tf.core.models.evidence import PreparingUsers, prepared_by
from recsim_tf.core.runs.execution import (
    compiled,
    num_side_by_side,
    side_by_side,
    traced_call,
)
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.methods.batching import Batch, Batches, Choice, Chosen, together
from recsim_tf.fitting.methods.information import Curvature, ScoresOrCurvature, Uncertainty
from recsim_tf.fitting.methods.method import Method
from recsim_tf.fitting.methods.scores import (
    KNOWN,
    KNOWN_INITIAL,
    Lacking,
    Scored,
    Seeds,
    SessionScore,
    hidden_parts,
    is_some_known,
)
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.parameters.unconstrained import differentiated, flatten
from recsim_tf.fitting.searches.lbfgs import LBFGS
from recsim_tf.fitting.searches.minibatches import Minibatches
from recsim_tf.fitting.searches.objective import BatchObjective, Fresh
from recsim_tf.fitting.searches.search import Search
from recsim_tf.logs.episodes import session_spec
from recsim_tf.logs.log import Log, Sessions
from recsim_tf.logs.missing import of_parts, with_zeros
from recsim_tf.logs.trajectories import (
    as_trajectory,
    by_field,
    scoring_simulator,
)

# Sums over sessions with signs at random, for `squared_scores`.
_NUM_SIGNS = 4


@dataclasses.dataclass(frozen=True)
class SessionMethod(Method):
    """A method that has a `SessionScore`. It searches by `LBFGS`, or by `Minibatches` where
    posteriors are fitted: their lower bound is known by draws only.
    """

    uncertainty: Uncertainty | None = dataclasses.field(default=ScoresOrCurvature(), kw_only=True)

    searches: ClassVar[tuple[type[Search], ...]] = (LBFGS, Minibatches)
    uncertainties: ClassVar[tuple[type[Uncertainty], ...]] = (Curvature, ScoresOrCurvature)
    # Whether the innovations that a log lacks are summed out.
    sums_innovations: ClassVar[bool] = False

    @property
    def has_posteriors(self) -> bool:
        """Tells whether sessions have posteriors of the draws that they lack."""
        return False

    def search_of(self, fitted: FittedSimulator) -> Search:
        """See `Method.search_of`."""
        if not (fitted.posteriors or self.has_posteriors):
            return LBFGS() if self.search is None else self.search
        search = Minibatches() if self.search is None else self.search
        if not isinstance(search, Minibatches):
            raise ValueError(
                "search must be Minibatches() where posteriors are fitted, since their bound is"
                f" known by draws only, got {search}"
            )
        if not isinstance(self.uncertainty, ScoresOrCurvature | None):
            raise ValueError(
                "uncertainty must be left out or None where posteriors are fitted, which have"
                f" standard errors of their own, got {self.uncertainty}"
            )
        return search

    def objective(
        self, fitted: FittedSimulator, log: Sessions, seed: Seed = 0
    ) -> "SessionsObjective":
        """See `Method.objective`."""
        return SessionsObjective(self, fitted, log, seed)

    def information_of(self, objective: Any) -> Callable[[], np.ndarray] | None:
        """See `Method.information_of`. There is none where posteriors are fitted."""
        return None if objective.has_posteriors else super().information_of(objective)

    @abc.abstractmethod
    def session_score(self, lacking: Lacking) -> SessionScore:
        """The score of the sessions of a log. Raises a ValueError if this method cannot sum out the
        draws that the log lacks.
        """

    @abc.abstractmethod
    def known_score(self, inner: SessionScore, lacking: Lacking) -> SessionScore:
        """The score of the draws that the log has of its users before they respond, from the score
        of sessions that lack no initial draws. It has no posteriors.
        """


class SessionsObjective(BatchObjective):
    """The sum of the scores of a log's sessions, and its gradients, by batches of one size in
    compiled functions; see `Method.objective`.
    """

    def __init__(
        self,
        method: SessionMethod,
        fitted: FittedSimulator,
        log: Sessions,
        seed: Seed = 0,
    ):
        self._search = method.search_of(fitted)
        super().__init__(fitted, log, self._search.batch_size)
        self.seed = random.as_seed(seed)
        self._scorer = scoring_simulator(fitted.simulator)
        self._spec = session_spec(self._scorer, self.batch_size)
        self._sums_innovations = method.sums_innovations
        users, first = self._scorer.users, next(iter(log.pieces()))
        self._parts = hidden_parts(first, users, self.batch_size, self._spec.initial.user)
        lacks = Lacking(self._parts, users, log.num_sessions, self.batch_size)
        self._session_score = method.session_score(lacks)
        innovations = () if self._sums_innovations else tf.nest.flatten(self._spec.draws.innovation)
        self._knows = bool(innovations) or is_some_known(self._spec.initial.user, self._parts)
        self._known_score = method.known_score(KNOWN if innovations else KNOWN_INITIAL, lacks)
        self.latents = "; ".join(self._session_score.latents)
        self.variables = [*self.variables, *self._session_score.variables]
        # Parameters or worlds may tell the rows of a batch apart.
        is_whole = bool(self._scorer.users_per_world or fitted.simulator.users_of_parameters())
        # Sessions that are equal are scored once, where nothing else tells them apart.
        scores_once = not (self._parts or self._sums_innovations or is_whole)
        self._batches = Batches(
            log, self._as_trajectory, self.batch_size, self.dtype, is_whole, scores_once
        )
        # One graph is for all lengths, but under XLA, and where all innovations are kept.
        is_static = method.jit_compile or method.sums_innovations
        is_static |= len(self._batches.shapes) == 1
        self._free_axes = (1,) if is_static else (0, 1)
        names = [name.removeprefix("users.") for name in fitted.parameters]
        # Made once: pieces of a stream come again in every pass.
        self._prepare = compiled(lambda draw: prepared_by(fitted.simulator.users, draw, names))
        wrap = compiled(jit_compile=method.jit_compile)
        self._log_likelihoods = wrap(self._score_at_draws)
        self._fresh_log_likelihoods = wrap(self._score_at_fresh_draws)
        self._known_log_densities = wrap(self._known_score_at_draws)
        self._value_and_gradients = wrap(self._differentiated)
        self._values_and_gradients = compiled(self._side_by_side)
        self._adapting_log_likelihoods = compiled(self._score_and_adapt)
        self.adapt()

    @property
    def has_posteriors(self) -> bool:
        """Tells whether parameters or sessions have posteriors, which makes a lower bound."""
        return bool(self.fitted.posteriors or self._session_score.variables)

    def initial_draws(self) -> Nest:
        """See `Objective.initial_draws`."""
        by_part = self._session_score.initial_draws(self.fitted.simulator.users)
        return of_parts(self._spec.initial.user, by_part)

    def score(self, simulator: Simulator, batch: Batch, seed: Seed | None = None) -> tf.Tensor:
        """The log-likelihoods [B] of the sessions of a batch under other parameters, those of a
        simulator. Without a seed the draws are the same in all calls.
        """
        seed = self.seed if seed is None else seed
        return _scored(self._session_score, simulator, batch, seed).log_likelihood

    def _score_at_draws(self, batch: Batch, seed: tf.Tensor) -> Scored:
        return _scored(self._session_score, self._drawn_simulator(seed), batch, seed)

    def _score_at_fresh_draws(self, batch: Batch, seed: tf.Tensor) -> Scored:
        simulator = self._drawn_simulator(seed)
        return _scored(self._session_score, simulator, batch, seed, are_fresh=True)

    def _score_and_adapt(self, batch: Batch, seed: tf.Tensor) -> Scored:
        simulator = self._drawn_simulator(seed)
        return _scored(self._session_score, simulator, batch, seed, adapts=True)

    def _known_score_at_draws(self, batch: Batch, seed: tf.Tensor) -> Scored:
        return _scored(self._known_score, self._drawn_simulator(seed), batch, seed)

    def _drawn_simulator(self, seed: tf.Tensor) -> Simulator:
        """At draws of the parameters' posteriors, if there are any."""
        parameter_seed, *_ = random.split_seed(seed, 3)
        return self.fitted.draw(parameter_seed)

    def _differentiated(self, batch: Batch, seed: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        def total():
            score = tf.cast(self._score_at_draws(batch, seed).log_likelihood, tf.float64)
            weights = tf.cast(batch.weights, tf.float64)
            # Sums in float32 would be too coarse for a line search.
            return tf.reduce_sum(tf.where(weights != 0, score, 0) * weights)

        return differentiated(total, self.variables)

    @property
    def num_batches(self) -> int:
        """See `BatchObjective.num_batches`."""
        return self._batches.number

    @property
    def trajectory(self) -> Trajectory:
        """The sessions of a log in memory, [T, S, ...]."""
        return self._batches.trajectory_of(self.log.whole())

    def _as_trajectory(self, piece: Log) -> Trajectory:
        spec = self._spec.initial.user
        # Fields stand for themselves, also where a log lacks them all.
        has_fields = any(part.field for part in self._parts)
        is_empty = has_fields and not tf.nest.flatten(piece.initial)
        initial = by_field(spec, {} if is_empty else piece.initial)
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
        """Draws [T, S, ...] as the user model prepares them, a step at a time."""
        if not isinstance(self.fitted.simulator.users, PreparingUsers):
            return draws
        steps = [
            traced_call(
                self._prepare, tf.nest.map_structure(lambda leaf, step=step: leaf[step], draws)
            )
            for step in range(tf.nest.flatten(draws)[0].shape[0])
        ]
        return tf.nest.map_structure(lambda *leaves: tf.stack(leaves), *steps)

    def batches(self, generator: np.random.Generator | None = None) -> Iterator[Batch]:
        """Batches that go once through the log, by a generator at random or by lengths and else in
        its order. The last batch of each piece and length is filled up with sessions of weight
        zero. All batches have sessions of similar lengths, so that little time is spent on steps
        after their ends.
        """
        batches = self._batches
        chosen = batches.by_length() if generator is None else batches.at_random(generator)
        return (each.batch() for each in chosen)

    def value_and_gradients(
        self, batch: Batch, seed: Seed | None = None
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """The sum over the sessions of a batch, and its gradients in `variables`. Without a seed
        the draws are the same in all calls.
        """
        seed = self.seed if seed is None else random.as_seed(seed)
        return traced_call(self._value_and_gradients, batch, seed)

    def adapt(self) -> bool:
        """See `Objective.adapt`."""
        if self._session_score.is_adapted:
            self._scored_by_session(self._adapting_log_likelihoods, self.seed)
        return self._session_score.is_adapted

    def by_session(self) -> np.ndarray:
        """The log-likelihood of each session, [S]."""
        return self._scored_by_session(self._log_likelihoods, self.seed)[:, 0]

    def _scored_by_session(self, score: Callable[..., Scored], seed: Seed) -> np.ndarray:
        """The log-likelihood of each session, and its effective number of draws or NaN, [S, 2], by
        a compiled score of batches.
        """

        def columns(scored: Scored) -> np.ndarray:
            log_likelihood, count = scored
            missing = np.full(log_likelihood.shape, np.nan)
            return np.stack([log_likelihood, missing if count is None else count], axis=1)

        return self.in_order(
            (batch, columns(traced_call(score, batch, seed))) for batch in self.batches()
        )

    @property
    def _reported_seed(self) -> Seed:
        """The seed of the draws under which the likelihood is reported."""
        return random.split_seed(self.seed, 4)[3] if self.is_estimate else self.seed

    def under_fresh_draws(self) -> Fresh:
        """See `Objective.under_fresh_draws`."""
        if not self.is_estimate:
            return super().under_fresh_draws()
        log_likelihood, counts = self._scored_by_session(
            self._fresh_log_likelihoods, self._reported_seed
        ).T
        is_drawn = ~np.isnan(counts)
        total = float(np.sum(log_likelihood, dtype=np.float64))
        return Fresh(total, float(np.median(counts[is_drawn])) if is_drawn.any() else None)

    def climbed(self) -> float | None:
        """See `Objective.climbed`. Minibatches have draws of their own."""
        has_same_draws = self.is_estimate and isinstance(self._search, LBFGS)
        return self.value() if has_same_draws else None

    @property
    def is_estimate(self) -> bool:
        """Tells whether draws sum something out."""
        return self._session_score.is_estimate

    def squared_scores(self) -> np.ndarray:
        """See `Objective.squared_scores`. The gradient of the sum over sessions with signs at
        random has these expected squares (Hutchinson 1990).
        """
        return np.mean(self.signed_scores(_NUM_SIGNS) ** 2, axis=0)

    def signed_scores(self, number: int) -> np.ndarray:
        """So many sums over sessions of their gradients in the unconstrained parameters, with signs
        at random, float64 [N, P].
        """
        generator = np.random.default_rng(0)
        sums = []
        for _ in range(number):
            _, gradients = self._summed(
                each._replace(choice=_signed(each.choice, generator))
                for each in self._batches.by_length(distinct=True)
            )
            sums.append(flatten(gradients)[: len(self.fitted.flat())])
        return np.stack(sums)

    def known_log_density(self) -> float:
        """See `Objective.known_log_density`."""
        if not self._knows:
            return 0.0
        by_session = self._scored_by_session(self._known_log_densities, self._reported_seed)
        return float(np.sum(by_session[:, 0], dtype=np.float64))

    def in_order(self, results: Iterable[tuple[Batch, np.ndarray]]) -> np.ndarray:
        """The results [B, ...] of all batches in the order of the log's sessions, [S, ...]."""
        rows, values = [], []
        for batch, of_batch in results:
            counts = batch.weights.numpy() > 0
            rows.append(batch.rows.numpy()[counts])
            values.append(of_batch[counts])
        return np.concatenate(values)[np.argsort(np.concatenate(rows), kind="stable")]

    def value(self) -> float:
        """See `Objective.value`."""
        return self.total()[0]

    def total(self) -> tuple[float, list[np.ndarray]]:
        """See `Objective.total`. On a CPU each thread of TensorFlow scores a batch at a time."""
        return self._summed(self._batches.by_length(distinct=True))

    def _summed(self, chosen: Iterable[Chosen]) -> tuple[float, list[np.ndarray]]:
        """The sum of the `value_and_gradients` of batches. It does not depend on the number of
        cores, since they are summed in their order.
        """
        total = 0.0
        gradients = [np.zeros(variable.shape, np.float64) for variable in self.variables]
        for value, parts in self._each_batch(chosen):
            total += float(value)
            gradients = [gradient + part for gradient, part in zip(gradients, parts, strict=True)]
        return total, gradients

    def _each_batch(self, chosen: Iterable[Chosen]) -> Iterator[tuple[np.ndarray, list]]:
        """The `value_and_gradients` of batches, in their order. Those of several batches of one
        shape are computed `side_by_side`, since TensorFlow mixes up temporaries of calls from
        several threads of Python.
        """
        is_several = {shape.num_steps: shape.is_several for shape in self._batches.shapes}
        num_cores = num_side_by_side()
        for num_steps, of_shape in itertools.groupby(chosen, lambda each: each.num_steps):
            is_alone = num_cores == 1 and len(is_several) == 1
            if is_alone or not is_several[num_steps]:
                for each in of_shape:
                    yield _as_numpy(self.value_and_gradients(each.batch()))
                continue
            while several := list(itertools.islice(of_shape, num_cores)):
                sessions, choices = together(several)
                # Compiled once for any number of batches, and of sessions that they are taken from.
                values_and_gradients = self._values_and_gradients.get_concrete_function(
                    sessions._replace(
                        initial=_of_any_number(sessions.initial, 0),
                        transitions=_of_any_number(sessions.transitions, *self._free_axes),
                    ),
                    _of_any_number(choices, 0),
                )
                results = _as_numpy(values_and_gradients(sessions, choices))
                for number in range(len(several)):
                    yield tf.nest.map_structure(lambda leaf, number=number: leaf[number], results)

    def _side_by_side(
        self, sessions: Trajectory, choices: Choice
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """The `value_and_gradients` of choices [N, B]: [N], and gradients [N, ...]."""
        of_choice = compiled(lambda choice: self.value_and_gradients(choice.of(sessions)))
        return side_by_side(of_choice)(choices)


def _scored(
    session_score: SessionScore,
    simulator: Simulator,
    batch: Batch,
    seed: Seed,
    are_fresh: bool = False,
    adapts: bool = False,
) -> Scored:
    # Batches have draws of their own, so that their errors do not add up.
    of_batch = random.as_seed(seed) + tf.stack([0, batch.rows[0]])
    _, initial_seed, innovation_seed = random.split_seed(of_batch, 3)
    seeds = Seeds(initial_seed, innovation_seed, are_fresh, adapts=adapts)
    scorer = scoring_simulator(simulator)
    return session_score.score(scorer, batch.trajectory, batch.rows, seeds)


def _signed(choice: Choice, generator: np.random.Generator) -> Choice:
    """A choice whose sessions count with signs at random. The square of such a sum is expected to
    be the sum of the squares of the sessions.
    """
    signs = generator.choice([-1.0, 1.0], choice.weights.shape)
    weights = tf.cast(signs, choice.weights.dtype) * tf.sqrt(choice.weights)
    return choice._replace(weights=weights)


def _of_any_number(nest: Nest, *axes: int) -> Nest:
    """The specs of tensors that have any length along some axes."""

    def spec(leaf: tf.Tensor) -> tf.TensorSpec:
        shape = [None if axis in axes else size for axis, size in enumerate(leaf.shape)]
        return tf.TensorSpec(shape, leaf.dtype)

    return tf.nest.map_structure(spec, nest)


def _as_numpy(nest: Nest) -> Nest:
    return tf.nest.map_structure(lambda leaf: leaf.numpy(), nest)
