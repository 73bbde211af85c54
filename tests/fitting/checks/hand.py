"""Logs and predictions small enough to be worked out by hand."""

import numpy as np

from recsim_tf.fitting.checks.choices import ChoicePredictions
from recsim_tf.fitting.logs import SessionLog


def log_of(response, length, shown=None, slate_size=2) -> SessionLog:
    """A log of responses [S, T] or [S, T, K] alone."""
    response, length = np.asarray(response), np.asarray(length, np.int32)
    if shown is None:
        shown = np.ones([*response.shape[:2], slate_size], bool)
    return SessionLog(
        length, np.ones(len(length), bool), (), (), np.asarray(shown), (), response, ()
    )


def choice_predictions(probs, log: SessionLog) -> ChoicePredictions:
    """Of one of K + 1 outcomes, the same at every step for probs [K + 1]."""
    probs = np.broadcast_to(
        np.asarray(probs, np.float64), [*log.response.shape, log.slate_size + 1]
    )
    with np.errstate(divide="ignore"):
        return ChoicePredictions(
            probs,
            np.log(np.take_along_axis(probs, log.response[..., np.newaxis], axis=-1)[..., 0]),
            log.response,
        )


def click_predictions(probs, log: SessionLog) -> ChoicePredictions:
    """Of independent clicks, the same at every step for probs [K]."""
    probs = np.broadcast_to(np.asarray(probs, np.float64), log.shown.shape)
    logged = np.where(log.shown, np.where(log.response, probs, 1 - probs), 1)
    return ChoicePredictions(probs, np.log(logged).sum(axis=-1), log.response)
