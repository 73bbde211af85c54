"""Fits of page clicks to impressions of Open Bandit, for `verdicts_of_public_logs.py`."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.page_clicks import PageClickUsers, PageItems, page_clicks
from recsim_tf.fitting import LBFGS, Exact, Parameter, fit
from recsim_tf.fitting.fit import FitResult
from recsim_tf.logs import Log, page_log
from recsim_tf.logs.datasets.open_bandit import OpenBanditLog

_DTYPE = tf.float64
_NUM_POSITIONS, _MAX_AFFINITY = 3, 2
# The tables of effects that have a prior scale.
TABLES = ("users.position_effect", "documents.item_effect")
# Scale of a single effect: the default of Stan's rstanarm for coefficients of a logistic
# regression.
_WEAK_SCALE = 2.5


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
) -> FitResult:
    """Intercept, positions, items and affinity by maximum a posteriori; the intercept has no prior,
    so that the mean is met.

    Args:
      simulator: of `pages`.
      log: sessions of its pages.
      scales: standard deviation of the effects of each of `TABLES`.
      affinity: whether past clicks on the item have an effect.
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
        method=Exact(search=LBFGS(batch_size=log.num_sessions, progress=False), uncertainty=None),
    )


def _frequencies(values: np.ndarray, number: int) -> np.ndarray:
    """float64 [number]: how often each whole number below it occurs; one is added to each count, so
    that all are possible.
    """
    counts = np.bincount(values, minlength=number) + 1
    return counts / counts.sum()
