"""The scores of single sessions: the gradients of their log-likelihoods."""

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from recsim_tf.fitting.likelihood.likelihood import Batch, LogLikelihood
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.fitting.parameters.parameter import Parameter

# How far scores may differ between two weightings of the sessions, as a part of the largest one.
_TOLERANCE = 1e-3


class ScoresUnknownError(ValueError):
    """A model does not read a parameter as one value for each user."""


def session_scores(likelihood: LogLikelihood) -> np.ndarray:
    """float64 [S, P]: the gradient of each session's log-likelihood in the unconstrained
    parameters, all of them scalars.

    Every session has copies of the parameters, so that one backward pass gives the scores of a
    batch.

    Raises:
      ScoresUnknownError: if a model takes the copies for something else, as where it reads a number
        as a vector and does not declare its rank.
    """
    return np.concatenate(list(_named(likelihood))).astype(np.float64)


def check_scores(likelihood: LogLikelihood) -> None:
    """Raises the error of `session_scores`, if there is one; from the first batch."""
    next(_named(likelihood))


def _named(likelihood: LogLikelihood) -> Iterator[np.ndarray]:
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


def _are_known(likelihood: LogLikelihood, name: str) -> bool:
    try:
        next(_by_batch(likelihood, [name]))
    except (ValueError, tf.errors.InvalidArgumentError):
        return False
    return True


def _by_batch(likelihood: LogLikelihood, names: Sequence[str]) -> Iterator[np.ndarray]:
    """[B, P] for each batch of B sessions.

    Raises:
      ValueError: if scores do not follow the weights of their own sessions alone.
    """
    fitted, size = likelihood.fitted, likelihood.batch_size
    values = fitted.values()
    copies = {
        name: Parameter(
            fitted.simulator.for_users(name, [values[name]] * size),
            fitted.parameters[name].bijector,
        )
        for name in names
    }
    copied = LogLikelihood(FittedSimulator(fitted.simulator, copies), likelihood.log, size)

    def scores_of(batch: Batch) -> np.ndarray:
        _, gradients = copied.value_and_gradients(batch)
        return np.stack([tf.reshape(gradient, [size]).numpy() for gradient in gradients], axis=1)

    is_checked = False
    for batch in copied.batches():
        scores = scores_of(batch)
        if not is_checked:
            weights = np.linspace(1, 2, size) * batch.weights.numpy()
            weighted = scores_of(batch._replace(weights=tf.cast(weights, batch.weights.dtype)))
            gap = np.abs(weighted - weights[:, np.newaxis] * scores)
            if np.any(gap > _TOLERANCE * np.max(np.abs(scores), axis=0)):
                raise ValueError("the copies of a session act on other sessions")
            is_checked = True
        yield scores[batch.weights.numpy() > 0]
