"""Whether clicks come as often as they are predicted."""

from typing import NamedTuple

import numpy as np

from recsim_tf.core.validation import check_at_least
from recsim_tf.fitting.checks.choices import logged_clicks, mean_by_session
from recsim_tf.fitting.checks.predictions import ChoicePredictions
from recsim_tf.fitting.logs.session_log import SessionLog


class Calibration(NamedTuple):
    """Predicted and observed click rates of the positions shown, in Q bins of predictions, from low
    to high.
    """

    predicted: np.ndarray  # float64 [Q], mean prediction of the bin
    observed: np.ndarray  # float64 [Q], click rate of the bin
    # float64 [Q], of observed - predicted, between sessions; NaN for one session
    standard_error: np.ndarray
    num_shown: np.ndarray  # int64 [Q], predictions in the bin
    # mean of |observed - predicted| over all positions shown, the expected calibration error
    expected_error: float
    noise: float  # what that mean comes to for perfect predictions and these standard errors


def calibrate(predictions: ChoicePredictions, log: SessionLog, num_bins: int = 10) -> Calibration:
    """Compares predicted click probabilities with clicks, over all positions shown at all steps.

    Bins hold about equally many predictions, and fewer of them are made where predictions repeat.
    The expected calibration error is that of Naeini et al. 2015, "Obtaining well calibrated
    probabilities using Bayesian binning", with these bins.

    Args:
      predictions: of `predict_choices` for this log.
      log: which documents were shown, and when sessions ended.
      num_bins: at least 1.

    Raises:
      ValueError: if num_bins is below 1, or nothing was shown.
    """
    check_at_least(1, num_bins=num_bins)
    counted = log.shown & log.active[..., np.newaxis]
    if not counted.any():
        raise ValueError("the log must show at least one document, got empty slates alone")
    probs = predictions.probs[..., : log.slate_size].astype(np.float64)
    clicked = logged_clicks(predictions, log)
    edges = np.unique(np.quantile(probs[counted], np.linspace(0, 1, num_bins + 1)))
    # The highest prediction belongs to the last bin; where all are the same there is one.
    bins = np.clip(np.searchsorted(edges, probs, side="right") - 1, 0, max(len(edges) - 2, 0))
    rows = []
    for number in np.unique(bins[counted]):
        inside = counted & (bins == number)
        gap = mean_by_session(clicked - probs, inside)
        rows.append(
            (probs[inside].mean(), clicked[inside].mean(), gap.standard_error, inside.sum())
        )
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
