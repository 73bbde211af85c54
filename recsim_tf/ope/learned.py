# SPDX-License-Identifier: Apache-2.0
"""A test for policies that were learned from the log that judges them."""

import numpy as np
import tensorflow_probability as tfp

from recsim_tf.logs.examination.columns import Columns

_FEWEST_DEGREES = 20
_FEWEST_SHOWN = 10  # times that the documents of a context are shown, about
_MOST_DOCUMENTS = 50
_FALSE_ALARM = 0.03


def warning_of_learning(columns: Columns, ratio: np.ndarray) -> str:
    """A warning that a policy follows the chance clicks of the log; "" where it need not.

    The click rates of a log are true rates and noise, whose size is known. What a policy prefers
    can explain true rates, but noise only if it was learned from the same sessions. So the rates
    that are left when the preferences of the policy have explained theirs, in each context, vary at
    least as much as noise. A test of the lower tail of the chi-squared distribution asks that.

    Args:
      columns: the numbers of the log.
      ratio: float [S], the weight of the slate of the first step of each session.
    """
    unknown = (columns.propensity, columns.clicked, columns.slate)
    if any(isinstance(each, tuple) for each in unknown):
        return ""
    target = ratio * columns.first_steps(columns.propensity)
    slates, clicked = columns.first_steps(columns.documents), columns.first_steps(columns.clicked)
    documents = np.unique(slates[slates >= 0])
    if not 2 < len(documents) <= _MOST_DOCUMENTS:
        return ""
    _, groups, counts = np.unique(
        columns.first_steps(columns.context), return_inverse=True, return_counts=True
    )
    rows_of = np.split(np.argsort(groups, kind="stable"), np.cumsum(counts)[:-1])
    left, degrees = 0.0, 0
    for number in np.flatnonzero(counts >= _FEWEST_SHOWN * len(documents) / slates.shape[1]):
        rows = rows_of[number][target[rows_of[number]] > 0]
        shows = slates[rows][:, :, np.newaxis] == documents
        part = _left_over(shows, clicked[rows], np.log(target[rows]))
        left, degrees = left + part[0], degrees + part[1]
    if degrees < _FEWEST_DEGREES:
        return ""
    p_value = float(tfp.distributions.Chi2(np.float64(degrees)).cdf(left))
    if p_value > _FALSE_ALARM:
        return ""
    return (
        "the policy follows the chance clicks of this log more closely than a policy from elsewhere"
        f" would (p {p_value:.1g}): if it was learned from these sessions, judge it by others, see"
        " Log.split"
    )


def _left_over(shows: np.ndarray, clicked: np.ndarray, log_probs: np.ndarray) -> tuple[float, int]:
    """The sum of squares of click rates beside the line of the policy's preferences, in units of
    their noise, and its degrees of freedom, in a context.

    Args:
      shows: bool [R, K, D], the documents of the slates.
      clicked: bool [R, K].
      log_probs: float [R], log-probabilities of the slates under the policy.
    """
    number = shows.sum(axis=(0, 1))
    seen = number > 1
    places = shows[:, :, seen].reshape(len(shows), -1).astype(np.float64)
    if seen.sum() < 3 or len(shows) <= places.shape[1]:
        return 0.0, 0
    effects = np.linalg.lstsq(places, log_probs - log_probs.mean(), rcond=None)[0]
    preference = effects.reshape(shows.shape[1], -1).sum(axis=0)
    hits = (shows & clicked[:, :, np.newaxis]).sum(axis=(0, 1))[seen]
    # Rates of no click and of clicks alone have noise too (Agresti & Coull 1998).
    even = (hits + 1) / (number[seen] + 2)
    scale = np.sqrt(number[seen] / (even * (1 - even)))
    design = np.stack([scale, scale * preference], axis=1)
    rates = scale * hits / number[seen]
    line = design @ np.linalg.lstsq(design, rates, rcond=None)[0]
    return float(((rates - line) ** 2).sum()), int(seen.sum()) - 2
