"""How sharply a log determines parameters."""

from collections.abc import Callable

import numpy as np

from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.likelihood.likelihood import LogLikelihood
from recsim_tf.fitting.logs.session_log import SessionLog
from recsim_tf.fitting.logs.session_stream import SessionStream
from recsim_tf.fitting.parameters.parameter import FittedSimulator, Parameter, flatten

KINDS = ("scores", "curvature")
# Where the curvature is not known yet, and then as a part of the standard error that it implies.
_FIRST_STEP, _PART_OF_ERROR = 1e-2, 0.5


def observed_information(
    fitted: FittedSimulator,
    likelihood: LogLikelihood,
    simulator: Simulator,
    log: SessionLog | SessionStream,
    kind: str,
) -> np.ndarray:
    """[P, P]: the observed information on the unconstrained variables at their values, with that of
    the priors.

    "scores" is the sum of the outer products of the sessions' scores, their gradients of the
    log-likelihood (Berndt et al. 1974, "Estimation and inference in nonlinear structural models");
    the parameters must be scalars. "curvature" is the negative second derivative, as differences of
    gradients over half a standard error to either side.

    Where models have kinks, as where a user watches what is left of the budget, scores are the
    better choice: second derivatives at a point leave the kinks out, and differences meet few of
    them.

    Args:
      fitted: the parameters; its variables keep their values.
      likelihood: of the log.
      simulator: that `fitted` was made of.
      log: the sessions.
      kind: "scores" or "curvature".
    """
    prior = _curvature(
        fitted,
        lambda: flatten(fitted.log_prior_and_gradients()[1]),
        np.full(len(fitted.flat()), 1e-3),
    )
    if kind == "scores":
        scores = session_scores(fitted, simulator, log, likelihood.batch_size)
        return scores.T @ scores + prior

    def gradient():
        return flatten(likelihood.total()[1])

    first = np.diag(
        _curvature(fitted, gradient, _FIRST_STEP * np.maximum(np.abs(fitted.flat()), 1)) + prior
    )
    errors = 1 / np.sqrt(np.maximum(first, np.finfo(np.float32).eps))
    return (
        _curvature(fitted, gradient, np.where(first > 0, _PART_OF_ERROR * errors, _FIRST_STEP))
        + prior
    )


def session_scores(
    fitted: FittedSimulator, simulator: Simulator, log: SessionLog | SessionStream, batch_size: int
) -> np.ndarray:
    """float64 [S, P]: the gradient of each session's log-likelihood in the unconstrained variables,
    all of them scalars.

    Every session has copies of the parameters, so that one backward pass gives the scores of a
    batch.
    """
    size = min(batch_size, log.num_sessions)
    copies = {
        name: Parameter(np.full([size], value), fitted.parameters[name].bijector)
        for name, value in zip(fitted.names, fitted.values().values(), strict=True)
    }
    copied = FittedSimulator(simulator, copies, fitted.variables[0].dtype)
    likelihood = LogLikelihood(copied, log, size)
    parts = []
    for batch in likelihood.batches():
        _, gradients = likelihood.value_and_gradients(batch)
        parts.append(
            np.stack([gradient.numpy() for gradient in gradients], axis=1)[
                batch.weights.numpy() > 0
            ]
        )
    return np.concatenate(parts).astype(np.float64)


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
