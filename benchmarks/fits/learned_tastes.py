"""Predictions by users whose taste is not known, and who are learned choice by choice."""

import numpy as np
from scipy import special

from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.predictions.choices import ChoicePredictions
from recsim_tf.logs import Log

_DRAWS = 400
_LEAST = 1e-6  # variance of scores


def predict_while_learning(simulator: Simulator, log: Log, seed: int) -> ChoicePredictions:
    """Choices of `DriftingTaste-v0`, each predicted by all choices before it in its session.

    The initial taste has the prior of the fit, is integrated out, and is learned from each choice:
    its normal posterior gets the moments of the exact one (assumed density filtering, Minka 2001).
    `predict_choices` draws tastes from the prior instead. Of a thousand draws none is near a user
    of many factors and hundreds of choices. With a gain of 0 the order of choices counts for
    nothing, but for what the normals leave out.

    Args:
      simulator: of `drifting_taste`, whose items pull by their factors.
      log: choices of one of K, int32 [S, T], from items by their ids.
      seed: of the draws of scores.
    """
    items, users = simulator.documents, simulator.users
    factors, loc, scale, gain, decay = (
        np.asarray(value, np.float64)
        for value in (items.factors, users.taste_loc, users.taste_scale, users.gain, users.decay)
    )
    bias = np.broadcast_to(np.asarray(items.bias, np.float64), factors.shape[:1])
    shape = log.num_sessions, factors.shape[1]
    drift, mean = np.zeros(shape), np.broadcast_to(loc, shape).copy()
    covariance = np.tile(np.diag(np.broadcast_to(scale, shape[1:]) ** 2), [shape[0], 1, 1])
    half = np.random.default_rng(seed).normal(size=[_DRAWS // 2, 1, log.slate_size, 1])
    normal = np.concatenate([half, -half])
    probs = np.zeros([*log.shown.shape[:2], log.slate_size + 1])
    for step in range(log.max_length):
        rows = np.flatnonzero(log.active[:, step])
        chosen, slate = log.response[rows, step], factors[log.documents[rows, step]]
        to_taste = slate @ covariance[rows]  # [B, K, F], of scores with the taste
        root = np.linalg.cholesky(to_taste @ slate.swapaxes(1, 2) + _LEAST * np.eye(log.slate_size))
        expected = np.einsum("bkf,bf->bk", slate, mean[rows] + drift[rows])
        expected += bias[log.documents[rows, step]]
        found = special.softmax(expected + (root @ normal)[..., 0], axis=2)  # [N, B, K]
        probs[rows, step, :-1] = found.mean(axis=0)
        slope, curvature = _derivatives(found, chosen, root)
        mean[rows] += np.einsum("bkf,bk->bf", to_taste, slope)
        to_normal = np.linalg.solve(root, to_taste)
        covariance[rows] += to_normal.swapaxes(1, 2) @ curvature @ to_normal
        drift[rows] = decay * drift[rows] + gain * slate[np.arange(len(rows)), chosen]
    with np.errstate(divide="ignore"):
        log_prob = np.log(np.take_along_axis(probs, log.response[..., np.newaxis], 2)[..., 0])
    return ChoicePredictions(probs, log_prob, log.response)


def _derivatives(
    probs: np.ndarray, chosen: np.ndarray, root: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Of the log-probability of a choice, by the means of normal scores: the first derivatives,
    [B, K], and the second ones where scores are in units of `root`, [B, K, K].

    Args:
      probs: [N, B, K], of choices under draws of the scores.
      chosen: int [B].
      root: [B, K, K], of the covariance of scores.
    """
    one = np.eye(probs.shape[2])
    weight = probs[:, np.arange(len(chosen)), chosen]
    weight = (weight / weight.sum(axis=0))[..., np.newaxis]
    surprise = one[chosen] - probs

    def mean_product(values):
        weighted = (weight * values).transpose(1, 2, 0)
        return weighted @ values.transpose(1, 0, 2)

    slope = (weight * surprise).sum(axis=0)
    mean = (weight * probs).sum(axis=0)
    second = mean_product(surprise) + mean_product(probs)
    second -= mean[:, np.newaxis] * one + slope[:, :, np.newaxis] * slope[:, np.newaxis]
    # The log-probability is concave, and a choice leaves some variance; draws may not know that.
    value, vector = np.linalg.eigh(root.swapaxes(1, 2) @ second @ root)
    value = np.clip(value, -1 + 1e-6, 0)
    return slope, (vector * value[:, np.newaxis]) @ vector.swapaxes(1, 2)
