# SPDX-License-Identifier: Apache-2.0
"""Estimates of three small logs against obp 0.5.7, scope-rl 0.2.1 and calculations by hand."""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf import logs, ope
from recsim_tf.core.base.types import Observation
from recsim_tf.core.distributions import PlackettLuce
from recsim_tf.ope.estimators import Estimator, Values
from recsim_tf.ope.sample import Sample, gather
from recsim_tf.ope.weights import Weights
from recsim_tf.policies import PlackettLucePolicy


def log_of(slate, reward, logging, target, discount=()):
    """A log of full slates [S, T, K], with log-probabilities of both policies."""
    slate = np.asarray(slate, np.int32)
    return logs.Log(
        length=np.full(len(slate), slate.shape[1], np.int32),
        slate=slate,
        reward=np.asarray(reward, float),
        propensity=logging,
        target=target,
        discount=discount,
    )


def items(probs):
    """Log-probabilities [S, T] of slates of one item."""
    return logs.SlateLogProbs.of_items(np.log(np.asarray(probs, float)))


def of_three(probs, num_rows=1):
    """Plackett-Luce slates [num_rows, 2] of three items."""
    return PlackettLuce(tf.math.log(tf.constant([probs] * num_rows, tf.float64)), 2)


def plackett_luce(probs, slates):
    """Log-probabilities [S, 1] of slates int32 [S, 1, 2] of three items."""
    distribution = of_three(probs)
    slates = tf.constant(slates, tf.int32)
    prefix = distribution.prefix_log_probs(slates).numpy()
    marginals = distribution.marginals()[0].numpy()
    position = np.log(marginals[np.arange(2), slates])
    of_set = distribution.set_log_prob(slates).numpy()
    return logs.SlateLogProbs(prefix[..., -1], prefix, position, of_set)


def sample(log, estimator, gamma=1.0) -> Sample:
    """The part of a log that an estimator reads; some of `SLATES` needs the policies themselves."""
    policies = (TARGET, LOGGING) if estimator.reads == "linear" else (None, None)
    return gather(policies[0], log, [estimator], gamma, policies[1])


def value(log, estimator, values=None, gamma=1.0):
    """The estimate, without a verdict."""
    return float(sample(log, estimator, gamma).session_values(estimator, values).mean())


# A: single items.
SINGLE = log_of(
    [[[0]], [[1]], [[0]], [[1]]],
    [[[1]], [[0]], [[1]], [[1]]],
    items([[0.5], [0.5], [0.8], [0.2]]),
    items([[0.25], [0.75], [0.5], [0.5]]),
)
_SINGLE_VALUES = Values(
    logged=np.reshape([0.6, 0.2, 0.7, 0.4], [4, 1, 1]),
    mean=np.reshape([0.25 * 0.6 + 0.75 * 0.2] * 2 + [0.5 * 0.7 + 0.5 * 0.4] * 2, [4, 1, 1]),
)
# B: slates of 2 of 3.
_SLATES = [[[0, 1]], [[2, 0]], [[1, 2]]]
_PROBS = [0.5, 0.3, 0.2], [0.2, 0.3, 0.5]
LOGGING, TARGET = (
    PlackettLucePolicy(lambda seen, probs=probs: of_three(probs, seen.user.shape[0]))
    for probs in _PROBS
)
SLATES = log_of(
    _SLATES,
    [[[1, 0]], [[0, 1]], [[1, 1]]],
    *(plackett_luce(probs, _SLATES) for probs in _PROBS),
)._replace(observation=Observation(np.zeros([3, 1]), np.zeros([3, 1, 3]), ()))


def _prefix_values():
    first, second = np.array([0.4, 0.3, 0.2]), np.array([0.1, 0.2, 0.3])
    target, slates = np.array([0.2, 0.3, 0.5]), np.array(_SLATES)[:, 0]
    means = []
    for slate in slates:
        left = np.where(np.arange(3) == slate[0], 0, target)
        means.append([first @ target, second @ left / left.sum()])
    logged = np.stack([first[slates[:, 0]], second[slates[:, 1]]], axis=1)
    return Values(logged[:, np.newaxis], np.array(means)[:, np.newaxis])


# C: two sessions of two steps, with a discount of 0.9.
STEPS = log_of(
    [[[0], [1]], [[1], [0]]],
    [[[1], [2]], [[0], [3]]],
    items([[0.5, 0.25], [0.5, 0.75]]),
    items([[0.8, 0.6], [0.2, 0.4]]),
)
_STEP_VALUES = Values(
    logged=np.reshape([2, 2.5, 1, 1.5], [2, 2, 1]).astype(float),
    mean=np.reshape([1.8, 2.1, 1.8, 2.1], [2, 2, 1]),
)
_BASELINE = {"model": "baseline"}
_NORMAL = {"normalize": True}
# By name: the log, the estimator, the values of a model, the discount, and the estimate.
CASES = {
    "ips": (SINGLE, Estimator(), None, 1, 0.90625),
    "cap": (SINGLE, Estimator(weights=Weights(cap=1.2)), None, 1, 0.58125),
    "snips": (SINGLE, Estimator(**_NORMAL), None, 1, 0.707317073),
    "dr": (SINGLE, Estimator(**_BASELINE), _SINGLE_VALUES, 1, 0.821875),
    "normalised dr": (SINGLE, Estimator(**_BASELINE, **_NORMAL), _SINGLE_VALUES, 1, 0.734756098),
    "switch": (
        SINGLE,
        Estimator(weights=Weights(switch=1.2), **_BASELINE),
        _SINGLE_VALUES,
        1,
        0.521875,
    ),
    "shrinkage": (
        SINGLE,
        Estimator(weights=Weights(shrinkage=2.0), **_BASELINE),
        _SINGLE_VALUES,
        1,
        0.564275104,
    ),
    "sips": (SLATES, Estimator(), None, 1, 2.283333333),
    "snsips": (SLATES, Estimator(**_NORMAL), None, 1, 1.574712644),
    "iips": (SLATES, Estimator("position"), None, 1, 1.143201754),
    "sniips": (SLATES, Estimator("position", **_NORMAL), None, 1, 1.028898355),
    "rips": (SLATES, Estimator("prefix"), None, 1, 1.833333333),
    "snrips": (SLATES, Estimator("prefix", **_NORMAL), None, 1, 1.301503095),
    "set": (SLATES, Estimator("set"), None, 1, 2.570833333),
    "pi": (SLATES, Estimator("linear"), None, 1, 2.452898551),
    "wpi": (SLATES, Estimator("linear", **_NORMAL), None, 1, 1.569855072),
    "cascade dr": (SLATES, Estimator("prefix", **_BASELINE), _prefix_values(), 1, 1.712619048),
    "tis": (STEPS, Estimator(steps="trajectory"), None, 0.9, 5.664),
    "pdis": (STEPS, Estimator(), None, 0.9, 4.544),
    "dr of steps": (STEPS, Estimator(**_BASELINE), _STEP_VALUES, 0.9, 1.970),
    "sn tis": (STEPS, Estimator(steps="trajectory", **_NORMAL), None, 0.9, 2.794736842),
    "sn pdis": (STEPS, Estimator(**_NORMAL), None, 0.9, 2.647368421),
    "sn dr": (STEPS, Estimator(**_BASELINE, **_NORMAL), _STEP_VALUES, 0.9, 2.334736842),
}


@pytest.mark.parametrize("name", CASES)
def test_an_estimate_is_that_of_the_other_libraries(name):
    log, estimator, values, gamma, expected = CASES[name]
    assert value(log, estimator, values, gamma) == pytest.approx(expected, abs=1e-6)


def test_the_weights_of_slates_are_those_worked_by_hand():
    target, logging = SLATES.target, SLATES.propensity
    expected = {
        "prefix": [[0.4, 0.25], [2.5, 1.6], [1, 2.5]],
        "position": [[0.4, 1], [2.5, 0.842105263], [1, 1.1875]],
        "set": [0.3125, 1, 3.2],
    }
    for name, weights in expected.items():
        ratios = np.exp(getattr(target, name) - getattr(logging, name))
        np.testing.assert_allclose(np.squeeze(ratios), weights, atol=1e-8)
    linear = sample(SLATES, ope.PRESETS["pi"]).read["linear"]
    np.testing.assert_allclose(linear[:, 0], [0.298913, 1.717391, 2.671196], atol=1e-6)
