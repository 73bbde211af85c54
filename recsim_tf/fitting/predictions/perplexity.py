"""The perplexity of clicks, by which click models are compared."""

from typing import NamedTuple

import numpy as np

from recsim_tf.fitting.predictions.choices import ChoicePredictions, is_one_of_k, logged_clicks
from recsim_tf.logs.log import Log


class Perplexity(NamedTuple):
    """exp(-the mean log-probability of clicks and skips): 1 for perfect predictions, 2 for those of
    a coin; infinite if something happened that was predicted to be impossible.
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
      predictions: of `predict_choices` for this log, of a click model.
      log: which documents were shown, and when sessions ended.
      conditional: whether a position is predicted by what happened above it on the same slate too.

    Raises:
      ValueError: for predictions of a choice of one position or none.
    """
    if is_one_of_k(predictions, log):
        raise ValueError("predictions must be those of a click model, got those of a choice")
    log_probs = predictions.conditional
    if not conditional:
        clicked = logged_clicks(predictions, log)
        with np.errstate(divide="ignore"):
            log_probs = np.log(np.where(clicked, predictions.probs, 1 - predictions.probs))
    counted = log.shown & log.active[..., np.newaxis]
    total = np.sum(log_probs, axis=(0, 1), where=counted, dtype=np.float64)
    number = counted.sum(axis=(0, 1))
    with np.errstate(invalid="ignore"):
        return Perplexity(np.exp(-total / number), float(np.exp(-total.sum() / number.sum())))
