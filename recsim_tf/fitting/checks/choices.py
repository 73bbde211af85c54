"""How well choices are predicted: their log-likelihood beside that of guesses without a model."""

from typing import NamedTuple

import numpy as np

from recsim_tf.fitting.checks.predictions import ChoicePredictions
from recsim_tf.fitting.logs.session_log import SessionLog


class Mean(NamedTuple):
    """A mean over steps."""

    value: float
    standard_error: float  # between sessions; NaN for one session, or where the mean is not finite


def mean_by_session(values: np.ndarray, counted: np.ndarray) -> Mean:
    """The mean of what is counted, with a standard error that is robust to dependence within
    sessions.

    The mean is a ratio of sums over sessions, and its error that of a ratio estimator (Cochran
    1977, "Sampling Techniques", equation 6.13).

    Args:
      values: float [S, ...].
      counted: bool [S, ...], somewhere true.
    """
    axes = tuple(range(1, values.ndim))
    count = counted.sum()
    mean = float(np.sum(values, where=counted, dtype=np.float64) / count)
    num_sessions = len(values)
    if num_sessions < 2 or not np.isfinite(mean):
        return Mean(mean, float("nan"))
    residuals = np.sum(values - mean, axis=axes, where=counted, dtype=np.float64)
    return Mean(
        mean, float(np.sqrt(num_sessions / (num_sessions - 1) * np.sum(residuals**2)) / count)
    )


class ChoiceScores(NamedTuple):
    """Log-likelihoods of the logged choices or clicks a step, in nats."""

    model: Mean
    uniform: Mean  # of a guess that takes all outcomes for equally likely
    frequencies: Mean  # of how often each position was clicked in this log
    gain: Mean  # of the model over the frequencies, paired by step
    # how often the likeliest of K + 1 outcomes came; None where positions are clicked independently
    hit_rate: Mean | None
    impossible: int  # steps whose choice or clicks have probability zero under the model
    num_sessions: int
    num_steps: int


def is_one_of_k(predictions: ChoicePredictions, log: SessionLog) -> bool:
    """Whether one position or none is chosen at a step; if not, positions are clicked
    independently.
    """
    return predictions.probs.shape[2] == log.slate_size + 1


def logged_clicks(predictions: ChoicePredictions, log: SessionLog) -> np.ndarray:
    """bool [S, T, K]: the positions clicked."""
    logged = predictions.logged
    return (
        logged[..., np.newaxis] == np.arange(log.slate_size)
        if is_one_of_k(predictions, log)
        else logged > 0
    )


def score_choices(predictions: ChoicePredictions, log: SessionLog) -> ChoiceScores:
    """Scores predictions of a log beside two guesses.

    The guesses know which positions hold a document. The frequencies are those of the same log,
    which gives them an advantage.

    Args:
      predictions: of `predict_choices` for this log.
      log: which documents were shown, and when sessions ended.
    """
    active = log.active
    choose = _score_choice if is_one_of_k(predictions, log) else _score_clicks
    uniform, frequencies = choose(predictions, log)
    possible = np.isfinite(predictions.log_prob)
    gain = np.where(possible, predictions.log_prob, 0) - frequencies
    hit_rate = None
    if is_one_of_k(predictions, log):
        hit_rate = mean_by_session(
            (np.argmax(predictions.probs, axis=-1) == predictions.logged).astype(np.float64), active
        )
    impossible = int(np.sum(~possible & active))
    return ChoiceScores(
        model=mean_by_session(predictions.log_prob, active),
        uniform=mean_by_session(uniform, active),
        frequencies=mean_by_session(frequencies, active),
        gain=Mean(-np.inf, np.nan) if impossible else mean_by_session(gain, active),
        hit_rate=hit_rate,
        impossible=impossible,
        num_sessions=log.num_sessions,
        num_steps=log.num_steps,
    )


def _score_choice(predictions: ChoicePredictions, log: SessionLog) -> tuple[np.ndarray, np.ndarray]:
    """The log-probabilities of one of K + 1 outcomes under both guesses, [S, T] each."""
    chosen = predictions.logged
    possible = np.concatenate([log.shown, np.ones_like(log.shown[..., :1])], axis=-1)
    frequencies = np.bincount(chosen[log.active], minlength=log.slate_size + 1) / log.num_steps
    return -np.log(possible.sum(axis=-1)), np.log(frequencies[chosen]) - np.log(
        possible @ frequencies
    )


def _score_clicks(predictions: ChoicePredictions, log: SessionLog) -> tuple[np.ndarray, np.ndarray]:
    """The log-probabilities of independent clicks under both guesses, [S, T] each."""
    clicked = logged_clicks(predictions, log)
    counted = log.shown & log.active[..., np.newaxis]
    rates = np.sum(clicked & counted, axis=(0, 1)) / np.maximum(counted.sum(axis=(0, 1)), 1)
    logged = np.where(counted, np.where(clicked, rates, 1 - rates), 1)
    return -np.log(2) * log.shown.sum(axis=-1), np.log(logged).sum(axis=-1)
