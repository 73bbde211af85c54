"""How sharply a log determines parameters: the observed information, which gives standard
errors.
"""

import abc
import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gin
import numpy as np
import tensorflow as tf

from recsim_tf.core.base.ranges import Range
from recsim_tf.core.base.validation import check_at_least
from recsim_tf.core.runs.execution import compiled, traced_call
from recsim_tf.fitting.likelihood.batches import BatchLikelihood
from recsim_tf.fitting.likelihood.batching import Batch
from recsim_tf.fitting.likelihood.likelihood import LogLikelihood
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.parameters.unconstrained import flatten

# Where the curvature is not known yet, and then as a part of the standard error that it implies.
_FIRST_STEP, _PART_OF_ERROR = 1e-2, 0.5
# How far scores may differ between two weightings of the sessions, as a part of the largest one.
_SCORE_TOLERANCE = 1e-3


@dataclasses.dataclass(frozen=True)
class Uncertainty(abc.ABC):
    """How `fit` gets standard errors and intervals.

    Args:
      confidence: of the intervals, in (0, 1).
    """

    confidence: float = dataclasses.field(default=0.95, kw_only=True)

    def __post_init__(self):
        Range(above=0, below=1).check_number("confidence", self.confidence)

    def check(self, likelihood: LogLikelihood) -> None:
        """Raises a ValueError where the information of this likelihood cannot be computed."""
        if likelihood.is_bound:
            raise ValueError(
                "uncertainty must be None or ScoresOrCurvature() where posteriors are fitted, which"
                f" have standard errors of their own, got {self}"
            )
        if likelihood.chains is not None:
            raise ValueError(
                "uncertainty must be LouisInformation(), ScoresOrCurvature() or None with"
                f" MonteCarloEM, got {self}"
            )

    @abc.abstractmethod
    def information(self, likelihood: LogLikelihood) -> np.ndarray:
        """float64 [P, P]: the observed information on the unconstrained parameters at their present
        values, with that of the priors.
        """


@dataclasses.dataclass(frozen=True)
class Scores(Uncertainty):
    """The sum of the outer products of the sessions' scores, their gradients of the log-likelihood
    (Berndt et al. 1974, "Estimation and inference in nonlinear structural models").

    All parameters must be scalars that may differ between users, and the likelihood exact. Scores
    are the better choice where models have kinks, as where a user watches what is left of the
    budget: second derivatives at a point leave the kinks out, and differences meet few of them.
    """

    def check(self, likelihood: Any) -> None:
        super().check(likelihood)
        if not likelihood.has_scores:
            raise ValueError(
                "uncertainty must be Curvature() or None for parameters that are tables, and with"
                f" Particles() and Draws(), got {self}"
            )
        next(_named(likelihood))

    def information(self, likelihood: Any) -> np.ndarray:
        scores = session_scores(likelihood)
        return scores.T @ scores + _prior_information(likelihood.fitted)


@gin.configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class Curvature(Uncertainty):
    """The negative second derivative, as differences of gradients over half a standard error to
    either side. Its cost grows with the square of the number of parameters.
    """

    def information(self, likelihood: LogLikelihood) -> np.ndarray:
        fitted = likelihood.fitted
        prior = _prior_information(fitted)

        def gradient():
            return flatten(likelihood.total()[1])

        first_steps = _FIRST_STEP * np.maximum(np.abs(fitted.flat()), 1)
        first = np.diag(_curvature(fitted, gradient, first_steps) + prior)
        errors = 1 / np.sqrt(np.maximum(first, np.finfo(np.float32).eps))
        steps = np.where(first > 0, _PART_OF_ERROR * errors, _FIRST_STEP)
        return _curvature(fitted, gradient, steps) + prior


# Made here, so that gin's record of a run does not depend on whether it is called.
_CURVATURE = Curvature()


@dataclasses.dataclass(frozen=True)
class LouisInformation(Uncertainty):
    """By Louis' identity, for `MonteCarloEM`: the mean curvature of the log-density of all that was
    drawn, less the covariance of its gradients over the posterior of what the log lacks (Louis
    1982, "Finding the observed information matrix when using the EM algorithm").

    Args:
      sweeps: of the chains, whose positions are taken for the posterior.
      num_moves: of each chain between them.
    """

    sweeps: int = 10
    num_moves: int = 10

    def __post_init__(self):
        super().__post_init__()
        check_at_least(1, sweeps=self.sweeps, num_moves=self.num_moves)

    def check(self, likelihood: Any) -> None:
        if likelihood.chains is None:
            raise ValueError(f"uncertainty must be {self} with MonteCarloEM only")
        if likelihood.scores_fault:
            raise ValueError(
                "uncertainty must be None with MonteCarloEM for parameters that the models do not"
                " read as one value for each user, by `self.per_user`:"
                f" {likelihood.scores_fault}"
            )

    def information(self, likelihood: Any) -> np.ndarray:
        scores, curvatures = [], []
        for sweep in range(self.sweeps):
            likelihood.move(1.0, self.num_moves, seed=sweep)
            scores.append(likelihood.session_scores())
            curvatures.append(_CURVATURE.information(likelihood))
        by_chain = np.concatenate(scores)
        deviations = by_chain - by_chain.mean(axis=0)
        missing = np.einsum("csp,csq->pq", deviations, deviations) / len(by_chain)
        return np.mean(curvatures, axis=0) - missing


@dataclasses.dataclass(frozen=True)
class ScoresOrCurvature(Uncertainty):
    """Scores where all parameters are scalars that may differ between users and the likelihood is
    exact, else curvature; with `MonteCarloEM` Louis' identity. Where posteriors are fitted they
    have standard errors of their own.
    """

    def check(self, likelihood: LogLikelihood) -> None:
        if likelihood.chains is not None:
            LouisInformation().check(likelihood)

    def information(self, likelihood: LogLikelihood) -> np.ndarray:
        if likelihood.chains is not None:
            return LouisInformation().information(likelihood)
        if likelihood.has_scores:
            with contextlib.suppress(ScoresUnknownError):
                return Scores().information(likelihood)
        return Curvature().information(likelihood)


def _prior_information(fitted: FittedSimulator) -> np.ndarray:
    steps = np.full(len(fitted.flat()), 1e-3)
    return _curvature(fitted, lambda: flatten(fitted.log_prior_and_gradients()[1]), steps)


def _curvature(
    fitted: FittedSimulator, gradient: Callable[[], np.ndarray], steps: np.ndarray
) -> np.ndarray:
    """[P, P]: minus the difference quotient of a gradient [P] of the variables, made symmetric."""
    center = fitted.flat()

    def gradient_at(flat):
        fitted.assign_flat(flat)
        return gradient()

    try:
        rows = [
            (gradient_at(center + step) - gradient_at(center - step)) / (2 * step[i])
            for i, step in enumerate(np.diag(steps))
        ]
    finally:
        fitted.assign_flat(center)
    return -(np.array(rows) + np.array(rows).T) / 2


class ScoresUnknownError(ValueError):
    """A model does not read a parameter as one value for each user."""


def session_scores(likelihood: BatchLikelihood) -> np.ndarray:
    """float64 [S, P]: the gradient of each session's log-likelihood in the unconstrained
    parameters, all of them scalars.
    """
    return likelihood.in_order(_named(likelihood)).astype(np.float64)


def _named(likelihood: BatchLikelihood) -> Iterator[tuple[Batch, np.ndarray]]:
    """The scores by batch. Raises a ScoresUnknownError that names the parameters whose copies a
    model takes for something else, as where it reads a number as a vector of no declared rank.
    """
    names = list(likelihood.fitted.parameters)
    try:
        yield from _by_batch(likelihood, names)
    except (ValueError, tf.errors.InvalidArgumentError) as error:
        faults = [name for name in names if not _are_known(likelihood, name)]
        if not faults:
            raise
        raise ScoresUnknownError(
            "uncertainty must be Curvature() or None for parameters that the models do not read as"
            f" one value for each user, got Scores() for {', '.join(faults)}: declare the rank that"
            " it is read with, as parameter(default, rank=1) for a vector"
        ) from error


def _are_known(likelihood: BatchLikelihood, name: str) -> bool:
    try:
        next(_by_batch(likelihood, [name]))
    except (ValueError, tf.errors.InvalidArgumentError):
        return False
    return True


def _by_batch(
    likelihood: BatchLikelihood, names: Sequence[str]
) -> Iterator[tuple[Batch, np.ndarray]]:
    """Batches of B sessions, and their scores [B, P].

    Raises:
      ValueError: if scores do not follow the weights of their own sessions alone.
    """
    fitted = likelihood.fitted

    @compiled
    def scores_of(batch: Batch) -> tf.Tensor:
        size = batch.rows.shape[0]

        def log_prob(values):
            score = likelihood.score(fitted.simulator.with_parameters(values), batch)
            return tf.where(batch.weights > 0, score, 0) * batch.weights

        by_name = fitted.row_scores(log_prob, size, names)
        return tf.stack([tf.reshape(by_name[name], [size]) for name in names], axis=1)

    for number, batch in enumerate(likelihood.batches()):
        scores = traced_call(scores_of, batch).numpy()
        if number == 0:
            weights = np.linspace(1, 2, len(scores)) * batch.weights.numpy()
            other = batch._replace(weights=tf.cast(weights, batch.weights.dtype))
            weighted = traced_call(scores_of, other)
            gap = np.abs(weighted - weights[:, np.newaxis] * scores)
            if np.any(gap > _SCORE_TOLERANCE * np.max(np.abs(scores), axis=0)):
                raise ValueError("the copies of a session act on other sessions")
        yield batch, scores
