# SPDX-License-Identifier: Apache-2.0
"""Choices predicted from the log before them, their calibration, and the perplexity of clicks."""

from typing import Any, NamedTuple

import numpy as np

from recsim_tf.core.base.arguments import Count, checked
from recsim_tf.core.base.types import Nest, Seed
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.predictions.responses import ResponsePredictions, predict_responses
from recsim_tf.logs.log import Log, users_of
from recsim_tf.support.means import Mean


class ChoicePredictions(NamedTuple):
    """Predictions of each step given all that was logged before it. Values at steps after the end
    of a session mean nothing.
    """

    # float [S, T, K + 1], of each position and of "no click"; or [S, T, K] where any number of
    # positions may be clicked
    probs: np.ndarray
    log_prob: np.ndarray  # float [S, T], of what was logged
    # what was logged: int32 [S, T], the position or K for "no click"; or [S, T, K], the clicks
    logged: np.ndarray
    # float [S, T, K], log-probabilities of what was logged at each position, given what was logged
    # above it too; () for what no `ClickDistribution` draws
    conditional: Nest = ()


def predict_choices(
    simulator: Simulator,
    log: Log,
    batch_size: int = 1000,
    num_draws: int = 200,
    seed: Seed = 0,
    given: Log | None = None,
) -> ChoicePredictions:
    """Probabilities of clicks at each step of logged sessions, and of what was logged: the choice
    or the clicks among `predict_responses`, whose arguments and errors these are. Raises a
    ValueError for responses without a choice of one position or none (`ChoiceDistribution`) and
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
        conditional: Nest = ()
        if name in predictions.down_to:
            # Below what is impossible nothing is possible.
            with np.errstate(invalid="ignore"):
                conditional = np.diff(predictions.down_to[name], axis=2, prepend=0)
            conditional[np.isnan(conditional)] = -np.inf
        return ChoicePredictions(probs, log_prob, logged.astype(np.int32), conditional)
    raise ValueError(
        "responses must be choices of a position or clicks of each, alone or as one part of a joint"
        f" distribution, got {', '.join(predictions.fields) or 'others'}"
    )


def mean_by_session(values: np.ndarray, counted: np.ndarray, users: Any = ()) -> Mean:
    """The mean of what is counted, with a standard error that is robust to dependence within
    sessions, or within users who have several of them.

    Args:
      values: the values, float [S, ...].
      counted: whether each value counts, bool [S, ...], somewhere true.
      users: the users of the sessions, see `logs.log.users_of`.
    """
    axes = tuple(range(1, values.ndim))
    sums: Any = np.sum(values, axis=axes, where=counted, dtype=np.float64)
    counts = counted.sum(axis=axes)
    if not isinstance(users, tuple):
        sums, counts = np.bincount(users, sums), np.bincount(users, counts)
    return Mean.of_ratio(sums, counts)


def _is_one_of_k(predictions: ChoicePredictions, log: Log) -> bool:
    """True if one position or none is chosen at a step; if not, any number may be clicked."""
    return predictions.probs.shape[2] == log.slate_size + 1


def logged_clicks(predictions: ChoicePredictions, log: Log) -> np.ndarray:
    """The positions that were clicked, bool [S, T, K]."""
    if _is_one_of_k(predictions, log):
        return predictions.logged[..., np.newaxis] == np.arange(log.slate_size)
    return predictions.logged > 0


class Calibration(NamedTuple):
    """Predicted and observed means, such as click rates, in Q bins of rising predictions."""

    predicted: np.ndarray  # float64 [Q], mean prediction of the bin
    observed: np.ndarray  # float64 [Q], observed mean of the bin
    # float64 [Q], of observed - predicted, between sessions; NaN for one session
    standard_error: np.ndarray
    num_shown: np.ndarray  # int64 [Q], predictions in the bin
    # mean of |observed - predicted| over all predictions, the expected calibration error
    expected_error: float
    noise: float  # what that mean comes to for perfect predictions and these standard errors


@checked
def calibrate(
    predictions: ResponsePredictions, log: Log, num_bins: Count = 10
) -> dict[str, Calibration]:
    """Compares what was expected of each field of responses with what was logged: click
    probabilities with clicks, over all positions shown, and means of dwell times, ratings or
    purchases.

    Bins hold about equally many predictions, and fewer of them are made where predictions repeat.
    The expected calibration error is that of Naeini et al. 2015, "Obtaining well calibrated
    probabilities using Bayesian binning", with these bins.

    Args:
      predictions: the result of `predict_responses` for this log.
      log: when sessions ended.
      num_bins: the number of bins, at least 1.

    Returns:
      Calibrations by field, without fields that were never drawn or whose mean is not finite.
    """
    calibrations = {}
    for name, (mean, logged, counted) in predictions.fields.items():
        counted = counted & log.active.reshape([*log.active.shape, *[1] * (mean.ndim - 2)])
        if counted.any() and np.isfinite(mean[counted]).all():
            means, users = mean.astype(np.float64), users_of([log.labels])
            calibrations[name] = _calibrate(means, logged, counted, users, num_bins)
    return calibrations


def _calibrate(
    means: np.ndarray, logged: np.ndarray, counted: np.ndarray, users: Any, num_bins: int
) -> Calibration:
    edges = np.unique(np.quantile(means[counted], np.linspace(0, 1, num_bins + 1)))
    # The highest prediction belongs to the last bin; where all are the same there is one.
    bins = np.clip(np.searchsorted(edges, means, side="right") - 1, 0, max(len(edges) - 2, 0))
    rows = []
    for number in np.unique(bins[counted]):
        inside = counted & (bins == number)
        gap = mean_by_session(logged - means, inside, users)
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


class Perplexity(NamedTuple):
    """The perplexity exp(-m) of clicks and skips, where m is their mean log-probability. It is 1
    for perfect predictions, 2 for those of a coin, and infinite if something happened that was
    predicted to be impossible.
    """

    by_position: np.ndarray  # float64 [K]; NaN for positions that no slate has
    pooled: float  # of all positions together

    @property
    def mean(self) -> float:
        """The mean over positions (Dupret and Piwowarski 2008); it differs from `pooled`."""
        return float(np.nanmean(self.by_position))


def click_perplexity(
    predictions: ChoicePredictions, log: Log, conditional: bool = False
) -> Perplexity:
    """The perplexity of the clicks of a log.

    Args:
      predictions: the result of `predict_choices` for this log, of a click model.
      log: the log with the documents that were shown, and the ends of the sessions.
      conditional: whether a position is predicted by what happened above it on the same slate too.

    Raises:
      ValueError: for predictions of a choice of one position or none.
    """
    if _is_one_of_k(predictions, log):
        raise ValueError("predictions must be those of a click model, got those of a choice")
    log_probs = predictions.conditional
    if not conditional:
        clicked = logged_clicks(predictions, log)
        with np.errstate(divide="ignore"):
            log_probs = np.log(np.where(clicked, predictions.probs, 1 - predictions.probs))
    counted = log.counted
    total = np.sum(log_probs, axis=(0, 1), where=counted, dtype=np.float64)
    number = counted.sum(axis=(0, 1))
    with np.errstate(invalid="ignore"):
        return Perplexity(np.exp(-total / number), float(np.exp(-total.sum() / number.sum())))
