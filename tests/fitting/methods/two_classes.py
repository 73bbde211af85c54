# SPDX-License-Identifier: Apache-2.0
"""Users of two classes that a log does not show, and the exact likelihood by quadrature."""

from typing import Any

import numpy as np
import tensorflow as tf
from scipy.special import expit, log_softmax, logsumexp
from scipy.stats import norm
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.choice import MultinomialLogit
from recsim_tf.logs.log import Log
from tests.worlds.clicks import Numbers

_STEEPNESS = 4.0
_GRID = np.linspace(-6, 6, 601)


class TwoClasses(recsim_tf.UserModel):
    """Users of a normal x [B], most of whom have a taste close to `gap` or to -`gap`; documents n
    have the score taste * n.
    """

    logit: Any = recsim_tf.parameter(0.0)
    gap: Any = recsim_tf.parameter(0.5)
    none: Any = recsim_tf.parameter(0.0)

    def initial_draws(self, num_users):
        zeros = tf.zeros([num_users], self.dtype)
        return tfd.Normal(zeros, tf.ones_like(zeros))

    def response(self, state, slate):
        second = tf.sigmoid(_STEEPNESS * (state + self.per_user("logit")))
        taste = self.per_user("gap") * (2 * second - 1)
        return MultinomialLogit(self.none)(slate.documents * taste[:, tf.newaxis], slate.mask)

    def observe(self, state):
        return state[:, tf.newaxis][:, :0]


def two_classes(logit: float = 0.3, gap: float = 1.0, none: float = 0.3) -> recsim_tf.Simulator:
    """Slates of two documents, all of them shown."""
    return recsim_tf.Simulator(TwoClasses(logit, gap, none), Numbers(), 2, 2)


def exact_log_likelihood(log: Log, logit: float, gap: float, none: float) -> float:
    """That of a log of full sessions, whose users are integrated out on a grid."""
    tastes = gap * (2 * expit(_STEEPNESS * (_GRID + logit)) - 1)
    scores = log.documents[..., np.newaxis, :] * tastes[:, np.newaxis]  # [S, T, X, K]
    no_click = np.full([*scores.shape[:-1], 1], none)
    chosen = np.concatenate([scores, no_click], axis=-1)
    log_probs = np.take_along_axis(
        log_softmax(chosen, axis=-1), log.response[:, :, np.newaxis, np.newaxis], axis=-1
    )[..., 0].sum(axis=1)
    prior = norm.logpdf(_GRID) + np.log(_GRID[1] - _GRID[0])
    return float(logsumexp(log_probs + prior, axis=1).sum())


def steps_to_maximum(log: Log, estimates: np.ndarray) -> np.ndarray:
    """[3]: Newton's step from estimates of logit, gap and no-click mass to the maximum of the exact
    likelihood, in standard errors.
    """
    width = 1e-2 * np.eye(3)

    def value(at):
        return exact_log_likelihood(log, *at)

    gradient = [(value(estimates + h) - value(estimates - h)) / 2e-2 for h in width]
    hessian = [
        [
            (
                value(estimates + h + k)
                - value(estimates + h - k)
                - value(estimates - h + k)
                + value(estimates - h - k)
            )
            / 4e-4
            for k in width
        ]
        for h in width
    ]
    covariance = np.linalg.inv(-np.array(hessian))
    return covariance @ gradient / np.sqrt(np.diag(covariance))
