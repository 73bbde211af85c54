# SPDX-License-Identifier: Apache-2.0
"""Shoppers of a device and a class, on whom a taste depends, and their exact likelihood by
quadrature.
"""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from scipy.special import log_softmax, logsumexp
from scipy.stats import norm
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.choice import MultinomialLogit

SHARES = np.array([0.3, 0.7])  # of devices
EAGER = np.array([0.4, 0.6])  # of classes
LOC = np.array([-0.5, 1.0])  # of tastes, by device
PUSH = 1.5  # of the second class towards the first document
_GRID = np.linspace(-7, 8, 601)


class Draw(NamedTuple):
    device: Any
    eager: Any
    taste: Any


class Shoppers(recsim_tf.UserModel):
    """Users of a device, on which their taste depends, and of a class."""

    loc: Any = recsim_tf.parameter(tuple(LOC), rank=1)

    def initial_draws(self, num_users):
        def of(probs):
            logits = tf.math.log(tf.constant(probs, self.dtype))
            return tfd.BatchBroadcast(tfd.Categorical(logits), [num_users])

        def taste(device):
            loc = tf.gather(tf.convert_to_tensor(self.loc, self.dtype), device)
            return tfd.Normal(loc, tf.ones_like(loc))

        return tfd.JointDistributionNamed(Draw(of(SHARES), of(EAGER), taste))

    def response(self, state, slate):
        pushed = tf.one_hot(0, slate.mask.shape[1], PUSH, dtype=self.dtype)
        eager = tf.cast(state.eager, self.dtype)[:, tf.newaxis]
        scores = slate.documents * state.taste[:, tf.newaxis] + eager * pushed
        return MultinomialLogit(0.0)(scores, slate.mask)

    def observe(self, state):
        return state.taste[:, tf.newaxis][:, :0]


def exact(log, device=None, eager=None, taste=None, loc=LOC):
    """[S]: the log-likelihood of each session, of what is given [S]; the rest is summed out."""
    total = []
    for row in range(log.num_sessions):
        parts = []
        for one in range(2) if device is None or device[row] < 0 else [device[row]]:
            for other in range(2) if eager is None or eager[row] < 0 else [eager[row]]:
                tastes = _GRID if taste is None or np.isnan(taste[row]) else taste[row : row + 1]
                scores = log.documents[row][:, np.newaxis] * tastes[:, np.newaxis]
                scores = scores + other * PUSH * np.array([1, 0])
                with_none = np.concatenate([scores, np.zeros([*scores.shape[:2], 1])], axis=2)
                chosen = log.response[row][:, np.newaxis, np.newaxis]
                picked = np.take_along_axis(log_softmax(with_none, axis=2), chosen, axis=2)
                log_probs = picked[..., 0].sum(axis=0) + norm.logpdf(tastes, loc[one])
                width = np.log(_GRID[1] - _GRID[0]) if len(tastes) > 1 else 0
                of_user = np.log(SHARES[one]) + np.log(EAGER[other])
                parts.append(logsumexp(log_probs) + width + of_user)
        total.append(logsumexp(parts))
    return np.array(total)
