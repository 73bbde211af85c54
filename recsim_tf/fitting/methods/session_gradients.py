# SPDX-License-Identifier: Apache-2.0
"""Gradients of the log-likelihoods of single sessions, in one backward pass for a batch."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core.runs.execution import compiled, traced_call
from recsim_tf.fitting.methods.batching import Batch

# How far scores may differ between two weightings of the sessions, as a part of the largest one.
_SCORE_TOLERANCE = 1e-3
_ADVICE = "uncertainty must be Curvature() or None"


class ScoresUnknownError(ValueError):
    """The scores of single sessions are not known."""


def check_session_scores(objective: Any) -> None:
    """Computes the scores of a batch. Raises the error of `session_scores`."""
    next(_named(objective))


def session_scores(objective: Any) -> np.ndarray:
    """The gradient of each session's log-likelihood in the unconstrained parameters.

    Args:
      objective: a `SessionsObjective`.

    Returns:
      float64 [S, P].

    Raises:
      ScoresUnknownError: where draws sum something out, for tables, and for parameters that a model
        does not read as one value for each user.
    """
    return objective.in_order(_named(objective)).astype(np.float64)


def _named(objective: Any) -> Iterator[tuple[Batch, np.ndarray]]:
    """The scores by batch. Raises a ScoresUnknownError that names the parameters whose copies a
    model takes for something else, as where it reads a number as a vector of no declared rank.
    """
    if objective.is_estimate:
        raise ScoresUnknownError(f"{_ADVICE} where draws sum something out, got Scores()")
    names = list(objective.fitted.parameters)
    if any(map(np.ndim, objective.fitted.values().values())):
        raise ScoresUnknownError(f"{_ADVICE} for parameters that are tables, got Scores()")
    try:
        yield from _by_batch(objective, names)
    except (ValueError, tf.errors.InvalidArgumentError) as error:
        faults = [name for name in names if not _are_known(objective, name)]
        if not faults:
            raise
        raise ScoresUnknownError(
            f"{_ADVICE} for parameters that the models do not read as one value for each user, got"
            f" Scores() for {', '.join(faults)}: declare the rank that it is read with, as"
            " parameter(default, rank=1) for a vector"
        ) from error


def _are_known(objective: Any, name: str) -> bool:
    try:
        next(_by_batch(objective, [name]))
    except (ValueError, tf.errors.InvalidArgumentError):
        return False
    return True


def _by_batch(objective: Any, names: Sequence[str]) -> Iterator[tuple[Batch, np.ndarray]]:
    """Batches of B sessions, and their scores [B, P].

    Raises:
      ValueError: if scores do not follow the weights of their own sessions alone.
    """
    fitted = objective.fitted

    @compiled
    def scores_of(batch: Batch) -> tf.Tensor:
        size = batch.rows.shape[0]

        def log_prob(values):
            score = objective.score(fitted.simulator.with_parameters(values), batch)
            return tf.where(batch.weights > 0, score, 0) * batch.weights

        by_name = fitted.row_scores(log_prob, size, names)
        return tf.stack([tf.reshape(by_name[name], [size]) for name in names], axis=1)

    for number, batch in enumerate(objective.batches()):
        scores = traced_call(scores_of, batch).numpy()
        if number == 0:
            weights = np.linspace(1, 2, len(scores)) * batch.weights.numpy()
            reweighted = batch._replace(weights=tf.cast(weights, batch.weights.dtype))
            weighted = traced_call(scores_of, reweighted)
            gap = np.abs(weighted - weights[:, np.newaxis] * scores)
            if np.any(gap > _SCORE_TOLERANCE * np.max(np.abs(scores), axis=0)):
                raise ValueError("the copies of a session act on other sessions")
        yield batch, scores
