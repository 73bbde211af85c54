# SPDX-License-Identifier: Apache-2.0
"""The observed information of a log about parameters, which gives their standard errors."""

import abc
import dataclasses
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np

from recsim_tf.core.base.arguments import checked, configurable
from recsim_tf.core.base.ranges import Range
from recsim_tf.fitting.methods.session_gradients import (
    ScoresUnknownError,
    check_session_scores,
    session_scores,
)
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.parameters.unconstrained import flatten
from recsim_tf.fitting.searches.objective import Objective

# Steps of differences of gradients: a part of the standard error that the scores imply, or this.
_PART_OF_ERROR, _STEP = 0.5, 1e-2
# Of simulated likelihoods: the information of a direction, in units in which the diagonal is one,
# from which on it is no noise; the part of the largest score that is rounding; and the sums of
# scores beyond the number of parameters.
_LITTLE, _NO_SCORE, _SPARE = 0.3, 1e-3, 2


@checked
@dataclasses.dataclass(frozen=True)
class Uncertainty(abc.ABC):
    """The source of the standard errors and intervals of a fit.

    Args:
      confidence: the confidence of the intervals, in (0, 1).
    """

    confidence: Annotated[float, Range(above=0, below=1)] = dataclasses.field(
        default=0.95, kw_only=True
    )

    @abc.abstractmethod
    def of(self, objective: Any) -> Callable[[], np.ndarray]:
        """A function that gives the observed information float64 [P, P] on the unconstrained
        parameters at their present values, with the information of the priors.

        Args:
          objective: an `Objective`.

        Raises:
          ValueError: where the information cannot be known.
        """


@checked
@dataclasses.dataclass(frozen=True)
class Scores(Uncertainty):
    """The sum of the outer products of the sessions' scores, their gradients of the log-likelihood
    (Berndt et al. 1974, "Estimation and inference in nonlinear structural models").

    All parameters must be scalars that may differ between users, and the likelihood exact. Scores
    are the better choice where models have kinks, as where a user watches the rest of the budget:
    second derivatives at a point leave the kinks out, and differences meet few of them.
    """

    def of(self, objective: Any) -> Callable[[], np.ndarray]:
        check_session_scores(objective)
        return lambda: _scores_information(objective)


@configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class Curvature(Uncertainty):
    """The negative second derivative, as differences of gradients over half a standard error to
    either side. Its cost grows with the square of the number of parameters.
    """

    def of(self, objective: Any) -> Callable[[], np.ndarray]:
        return lambda: curvature_information(objective)


@checked
@dataclasses.dataclass(frozen=True)
class ScoresOrCurvature(Uncertainty):
    """Scores where all parameters are scalars that may differ between users and the likelihood is
    exact, else curvature.
    """

    def of(self, objective: Any) -> Callable[[], np.ndarray]:
        def information():
            try:
                return _scores_information(objective)
            except ScoresUnknownError:
                return curvature_information(objective)

        return information


def _scores_information(objective: Any) -> np.ndarray:
    """The sum of the outer products of the scores, see `Scores`. Raises a ScoresUnknownError."""
    scores = session_scores(objective)
    return scores.T @ scores + _prior_information(objective.fitted)


def curvature_information(objective: Objective) -> np.ndarray:
    """The negative second derivative, see `Curvature`."""
    fitted = objective.fitted
    prior = _prior_information(fitted)

    def gradient():
        return flatten(objective.total()[1])

    information = objective.squared_scores() + np.diag(prior)
    is_told = information > np.finfo(np.float32).eps
    steps = np.where(is_told, _PART_OF_ERROR / np.sqrt(np.where(is_told, information, 1)), _STEP)
    return _curvature(fitted, gradient, steps) + prior


def without_twins(
    information: np.ndarray, fitted: FittedSimulator, signed_scores: Callable[[int], np.ndarray]
) -> np.ndarray:
    """The information [P, P] of a simulated likelihood, without the noise of draws in directions in
    which no session has a score, as where the log tells of two parameters by their sum alone.
    Information of priors stays. Where no direction has little information, none is looked for.

    Args:
      information: float64 [P, P].
      fitted: the parameters.
      signed_scores: see `SessionsObjective.signed_scores`, by draws that move with the models.
    """
    prior = _prior_information(fitted)
    of_log = information - prior
    diagonal = np.diag(of_log)
    scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scaled = of_log * np.outer(scale, scale)
    if not np.isfinite(scaled).all() or np.linalg.eigvalsh(scaled)[0] > _LITTLE:
        return information
    sums = signed_scores(len(scale) + _SPARE) * scale
    _, values, directions = np.linalg.svd(sums)
    empty = directions[values <= _NO_SCORE * values.max()]
    rest = np.eye(len(scale)) - empty.T @ empty
    return rest @ scaled @ rest / np.outer(scale, scale) + prior


def _prior_information(fitted: FittedSimulator) -> np.ndarray:
    steps = np.full(len(fitted.flat()), 1e-3)
    return _curvature(fitted, lambda: flatten(fitted.log_prior_and_gradients()[1]), steps)


def _curvature(
    fitted: FittedSimulator, gradient: Callable[[], np.ndarray], steps: np.ndarray
) -> np.ndarray:
    """Minus the difference quotient of a gradient [P] of the variables, made symmetric, [P, P]."""
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
