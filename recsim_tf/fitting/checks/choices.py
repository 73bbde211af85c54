"""How well choices are predicted from what was logged before them: their log-likelihood beside that
of guesses without a model, and whether clicks come as often as they are predicted.
"""

from typing import NamedTuple

import numpy as np

from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Seed
from recsim_tf.core.validation import check_at_least
from recsim_tf.fitting.checks.responses import ResponsePredictions, predict_responses
from recsim_tf.fitting.logs.session_log import SessionLog


class ChoicePredictions(NamedTuple):
    """Predictions of each step given all that was logged before it. Values at steps after the end
    of a session mean nothing.
    """

    # float [S, T, K + 1], of each position and of "no click"; or [S, T, K] where positions are
    # clicked independently
    probs: np.ndarray
    log_prob: np.ndarray  # float [S, T], of what was logged
    # what was logged: int32 [S, T], the position or K for "no click"; or [S, T, K], the clicks
    logged: np.ndarray


def predict_choices(
    simulator: Simulator,
    log: SessionLog,
    batch_size: int = 1000,
    num_draws: int = 200,
    seed: Seed = 0,
    given: SessionLog | None = None,
) -> ChoicePredictions:
    """Probabilities of clicks at each step of logged sessions, and of what was logged: the choice
    or the clicks among `predict_responses`, whose arguments and errors these are.

    Raises:
      ValueError: for responses without a choice of one position or none (`ChoiceDistribution`) and
        without clicks [B, K].
    """
    return choices_among(
        predict_responses(simulator, log, batch_size, num_draws, seed, given), log.slate_size
    )


def choices_among(predictions: ResponsePredictions, slate_size: int) -> ChoicePredictions:
    """The predictions of clicks among those of responses. Raises the error of `predict_choices`."""
    for name, log_prob in predictions.clicks.items():
        probs, logged, _ = predictions.fields[name]
        if probs.shape[-1] > slate_size:
            logged = np.argmax(logged, axis=-1)
        return ChoicePredictions(probs, log_prob, logged.astype(np.int32))
    raise ValueError(
        "responses must be choices of a position or clicks of each, alone or as one part of a joint"
        f" distribution, got {', '.join(predictions.fields) or 'others'}"
    )


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
    count = counted.sum()
    mean = float(np.sum(values, where=counted, dtype=np.float64) / count)
    num_sessions = len(values)
    if num_sessions < 2 or not np.isfinite(mean):
        return Mean(mean, float("nan"))
    axes = tuple(range(1, values.ndim))
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
    if is_one_of_k(predictions, log):
        return predictions.logged[..., np.newaxis] == np.arange(log.slate_size)
    return predictions.logged > 0


def score_choices(predictions: ChoicePredictions, log: SessionLog) -> ChoiceScores:
    """Scores predictions of a log beside two guesses.

    The guesses know which positions hold a document. The frequencies are those of the same log,
    which gives them an advantage. The arguments are those of `calibrate`.
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


class Calibration(NamedTuple):
    """Predicted and observed means, such as click rates of the positions shown, in Q bins of
    predictions, from low to high.
    """

    predicted: np.ndarray  # float64 [Q], mean prediction of the bin
    observed: np.ndarray  # float64 [Q], observed mean of the bin
    # float64 [Q], of observed - predicted, between sessions; NaN for one session
    standard_error: np.ndarray
    num_shown: np.ndarray  # int64 [Q], predictions in the bin
    # mean of |observed - predicted| over all predictions, the expected calibration error
    expected_error: float
    noise: float  # what that mean comes to for perfect predictions and these standard errors


def calibrate(
    predictions: ResponsePredictions, log: SessionLog, num_bins: int = 10
) -> dict[str, Calibration]:
    """Compares what was expected of each field of responses with what was logged: click
    probabilities with clicks, over all positions shown, and means of dwell times, ratings or
    purchases.

    Bins hold about equally many predictions, and fewer of them are made where predictions repeat.
    The expected calibration error is that of Naeini et al. 2015, "Obtaining well calibrated
    probabilities using Bayesian binning", with these bins.

    Args:
      predictions: of `predict_responses` for this log.
      log: when sessions ended.
      num_bins: at least 1.

    Returns:
      Calibrations by field, without fields that were never drawn or whose mean is not finite.
    """
    check_at_least(1, num_bins=num_bins)
    found = {}
    for name, (mean, logged, counted) in predictions.fields.items():
        counted = counted & log.active.reshape([*log.active.shape, *[1] * (mean.ndim - 2)])
        if counted.any() and np.isfinite(mean[counted]).all():
            found[name] = _calibrate(mean.astype(np.float64), logged, counted, num_bins)
    return found


def _calibrate(
    means: np.ndarray, logged: np.ndarray, counted: np.ndarray, num_bins: int
) -> Calibration:
    edges = np.unique(np.quantile(means[counted], np.linspace(0, 1, num_bins + 1)))
    # The highest prediction belongs to the last bin; where all are the same there is one.
    bins = np.clip(np.searchsorted(edges, means, side="right") - 1, 0, max(len(edges) - 2, 0))
    rows = []
    for number in np.unique(bins[counted]):
        inside = counted & (bins == number)
        gap = mean_by_session(logged - means, inside)
        rows.append((means[inside].mean(), logged[inside].mean(), gap.standard_error, inside.sum()))
    predicted, observed, error, num_shown = (np.array(column) for column in zip(*rows, strict=True))
    weights = num_shown / num_shown.sum()
    return Calibration(
        predicted=predicted,
        observed=observed,
        standard_error=error,
        num_shown=num_shown,
        expected_error=float(weights @ np.abs(observed - predicted)),
        # The mean of the absolute value of a normal variable.
        noise=float(weights @ error * np.sqrt(2 / np.pi)),
    )
