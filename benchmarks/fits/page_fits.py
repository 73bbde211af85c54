"""Fits of page clicks to impressions of Open Bandit, with scales of effects that several logs
share.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core.base.types import Slate
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.page_clicks import PageClickUsers, PageItems, page_clicks
from recsim_tf.fitting import LBFGS, Curvature, Exact, Parameter, fit
from recsim_tf.fitting.fit import FitResult
from recsim_tf.logs import Log, page_log
from recsim_tf.logs.datasets.open_bandit import OpenBanditLog

_DTYPE = tf.float64
_NUM_POSITIONS, _MAX_AFFINITY = 3, 2
# The tables of effects whose scales are estimated.
TABLES = ("users.position_effect", "documents.item_effect")
# Scale of a single effect: the default of Stan's rstanarm for coefficients of a logistic
# regression.
_WEAK_SCALE = 2.5
_FIRST_SCALE, _TOLERANCE = 0.3, 0.01


class Pages(NamedTuple):
    """A log and the environment that is fitted to it, as yet without effects."""

    simulator: Simulator
    log: Log


def pages(impressions: OpenBanditLog) -> Pages:
    """The environment of a log's users and items; what its users draw before they click has the
    log's frequencies.
    """
    log = page_log(impressions, _MAX_AFFINITY)
    # One category more than any feature has: the unknown one.
    num_categories = max(map(len, impressions.user_categories)) + 1
    users = PageClickUsers(
        feature_probs=np.stack([_frequencies(codes, num_categories) for codes in log.initial.T]),
        position_effect=np.zeros(_NUM_POSITIONS),
        dtype=_DTYPE,
    )
    documents = PageItems(
        impressions.num_items,
        item_effect=np.zeros(impressions.num_items),
        categories=impressions.item_categories,
        numeric=impressions.item_numeric,
        affinity_probs=_frequencies(log.hidden[log.shown], _MAX_AFFINITY + 1),
        dtype=_DTYPE,
    )
    return Pages(page_clicks(users=users, documents=documents, dtype=_DTYPE), log)


def fit_pages(
    simulator: Simulator,
    log: Log,
    scales: Mapping[str, float],
    affinity: bool,
    errors: bool = False,
) -> FitResult:
    """Intercept, positions, items and affinity by maximum a posteriori; the intercept has no prior,
    so that the mean is met.

    Args:
      simulator: of `pages`.
      log: sessions of its pages.
      scales: standard deviation of the effects of each of `TABLES`.
      affinity: whether past clicks on the item have an effect.
      errors: whether standard errors are wanted.
    """
    rate = log.response.sum() / log.num_sessions
    parameters = {"users.intercept": Parameter(np.log(rate))}
    parameters |= {
        name: Parameter(prior=tfd.Normal(np.float64(0), scales[name])) for name in TABLES
    }
    # Where nobody has clicked before, the effect stays at the mean of its prior, 0.
    if affinity and log.hidden.any():
        parameters["users.affinity_effect"] = Parameter(
            prior=tfd.Normal(np.float64(0), _WEAK_SCALE)
        )
    return fit(
        simulator,
        parameters,
        log,
        method=Exact(
            search=LBFGS(tolerance=1e-7, batch_size=log.num_sessions, progress=False),
            uncertainty=Curvature() if errors else None,
        ),
    )


def prior_scales(
    found: Sequence[Pages],
    affinity: bool,
    start: Mapping[str, float] | None = None,
    max_rounds: int = 20,
) -> dict[str, float]:
    """The scale of the effects of each of `TABLES`, shared by several logs, by empirical Bayes.

    It maximises Laplace's approximation of the evidence, times the scale: the limit of the gamma
    prior of shape 2 that keeps scales of a hierarchical model off zero where a log tells little of
    them (Chung et al. 2013, "A nondegenerate penalized likelihood estimator for variance parameters
    in multilevel models", Psychometrika 78). An EM round sets the square of the scale to the sum of
    the N effects' posterior second moments over N - 1.

    Args:
      found: the logs.
      affinity: as for `fit_pages`.
      start: scales to begin with.
      max_rounds: of EM; it ends earlier where no scale changes by 1 % any more.
    """
    scales = dict(start or dict.fromkeys(TABLES, _FIRST_SCALE))
    for _ in range(max_rounds):
        fits = [
            fit_pages(each.simulator, each.log, scales, affinity, errors=True).estimates
            for each in found
        ]
        previous, scales = scales, {}
        for name in TABLES:
            moments = np.concatenate(
                [
                    estimates[name].value ** 2 + estimates[name].standard_error ** 2
                    for estimates in fits
                ]
            )
            scales[name] = float(np.sqrt(moments.sum() / (len(moments) - 1)))
        if all(abs(scales[name] / previous[name] - 1) < _TOLERANCE for name in TABLES):
            break
    return scales


def click_probs(simulator: Simulator, log: Log) -> np.ndarray:
    """[S]: the probability of a click on the one item that each page shows."""
    documents = simulator.documents.describe(tf.constant(log.documents[:, 0]), ())
    slate = Slate(
        simulator.documents.show(documents, tf.constant(log.hidden[:, 0])),
        tf.constant(log.shown[:, 0]),
    )
    probs = simulator.users.response(tf.constant(log.initial), slate).mean()
    return tf.reduce_sum(probs, axis=1).numpy()


def _frequencies(values: np.ndarray, number: int) -> np.ndarray:
    """float64 [number]: how often each whole number below it occurs; one is added to each count, so
    that all are possible.
    """
    counts = np.bincount(values, minlength=number) + 1
    return counts / counts.sum()
