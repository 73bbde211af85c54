"""The scores of single sessions: the gradients of their log-likelihoods."""

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from recsim_tf.core.execution import compiled
from recsim_tf.fitting.likelihood.batches import Batch, BatchLikelihood

# How far scores may differ between two weightings of the sessions, as a part of the largest one.
_TOLERANCE = 1e-3


class ScoresUnknownError(ValueError):
    """A model does not read a parameter as one value for each user."""


def session_scores(likelihood: BatchLikelihood) -> np.ndarray:
    """float64 [S, P]: the gradient of each session's log-likelihood in the unconstrained
    parameters, all of them scalars.

    Every session has copies of the parameters, so that one backward pass gives the scores of a
    batch.

    Raises:
      ScoresUnknownError: if a model takes the copies for something else, as where it reads a number
        as a vector and does not declare its rank.
    """
    return np.concatenate(list(_named(likelihood))).astype(np.float64)


def check_scores(likelihood: BatchLikelihood) -> None:
    """Raises the error of `session_scores`, if there is one; from the first batch."""
    next(_named(likelihood))


def _named(likelihood: BatchLikelihood) -> Iterator[np.ndarray]:
    """The scores by batch, with an error that names the parameters at fault."""
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


def _by_batch(likelihood: BatchLikelihood, names: Sequence[str]) -> Iterator[np.ndarray]:
    """[B, P] for each batch of B sessions.

    Raises:
      ValueError: if scores do not follow the weights of their own sessions alone.
    """
    fitted, size = likelihood.fitted, likelihood.batch_size

    @compiled
    def scores_of(batch: Batch) -> tf.Tensor:
        def log_prob(values):
            score = likelihood.score(fitted.simulator.with_parameters(values), batch)
            return tf.where(batch.weights > 0, score, 0) * batch.weights

        by_name = fitted.row_scores(log_prob, size, names)
        return tf.stack([tf.reshape(by_name[name], [size]) for name in names], axis=1)

    for number, batch in enumerate(likelihood.batches()):
        scores = scores_of(batch).numpy()
        if number == 0:
            weights = np.linspace(1, 2, size) * batch.weights.numpy()
            weighted = scores_of(batch._replace(weights=tf.cast(weights, batch.weights.dtype)))
            gap = np.abs(weighted - weights[:, np.newaxis] * scores)
            if np.any(gap > _TOLERANCE * np.max(np.abs(scores), axis=0)):
                raise ValueError("the copies of a session act on other sessions")
        yield scores[batch.weights.numpy() > 0]
