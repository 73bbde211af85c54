"""Log-probabilities of joint distributions, part by part."""

from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.distributions import IndependentParts, log_prob, log_prob_parts


class Draw(NamedTuple):
    kind: Any
    level: Any
    seconds: Any


def seconds(level, kind):
    """Depends on two parts, in another order than they have."""
    return tfd.LogNormal(level - tf.cast(kind, tf.float32), 0.5)


PARTS = {
    "kind": tfd.Categorical(logits=tf.constant([[0.0, 1.0], [2.0, 0.0], [0.0, 0.0]])),
    "level": lambda kind: tfd.Normal(tf.cast(kind, tf.float32), tf.constant([1.0, 2.0, 3.0])),
    "seconds": seconds,
}
MODELS = {
    "a named tuple": tfd.JointDistributionNamed(Draw(**PARTS)),
    "a dict": tfd.JointDistributionNamed(PARTS),
    "a joint part": tfd.JointDistributionNamed(
        {
            "level": tfd.Normal(tf.zeros([3]), 1.0),
            "inner": lambda level: tfd.JointDistributionNamed(
                {"first": tfd.Normal(level, 1.0), "second": tfd.Poisson(tf.exp(level))}
            ),
        }
    ),
    "no joint distribution": tfd.Normal(tf.zeros([3]), 1.0),
}


@pytest.mark.parametrize("name", MODELS)
def test_it_is_that_of_tensorflow_probability(name):
    distribution = MODELS[name]
    draw = random.sample(distribution, random.as_seed(0))
    expected = distribution.log_prob(draw)
    assert expected.shape == [3]
    np.testing.assert_allclose(log_prob(distribution, draw), expected, rtol=1e-6)


def test_parts_have_names_and_add_up():
    normal = tfd.Normal(tf.zeros(3), 1.0)
    inner = {"a": normal, "b": lambda a: tfd.Normal(a, 2.0)}
    distribution = tfd.JointDistributionNamed(
        {
            "nested": tfd.JointDistributionNamed(inner),
            "pair": tfd.JointDistributionSequential([normal, lambda first: tfd.Normal(first, 1.0)]),
            "turn": IndependentParts({"act": tfd.Bernoulli(logits=tf.zeros(3)), "at": (normal,)}),
            "single": normal,
        }
    )
    draw = {
        "nested": {"a": tf.ones(3), "b": tf.zeros(3)},
        "pair": [tf.ones(3), 2 * tf.ones(3)],
        "turn": {"act": tf.ones(3, tf.int32), "at": (tf.zeros(3),)},
        "single": 3 * tf.ones(3),
    }
    found = log_prob_parts(distribution, draw)
    expected = {
        "nested.a": normal.log_prob(1.0),
        "nested.b": tfd.Normal(tf.ones(3), 2.0).log_prob(0.0),
        "pair.0": normal.log_prob(1.0),
        "pair.1": normal.log_prob(1.0),
        "turn.act": tf.fill([3], -np.log(2).astype(np.float32)),
        "turn.at.0": normal.log_prob(0.0),
        "single": normal.log_prob(3.0),
    }
    assert set(found) == set(expected)
    for name, score in expected.items():
        np.testing.assert_allclose(found[name], score, rtol=1e-6)
    np.testing.assert_allclose(
        tf.add_n(list(found.values())), log_prob(distribution, draw), rtol=1e-6
    )
    assert list(log_prob_parts(normal, 1.0)) == [""]
