"""Log-probabilities of joint distributions, part by part."""

from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.distributions import log_prob


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
