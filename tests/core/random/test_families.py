# SPDX-License-Identifier: Apache-2.0
"""Mixtures and multivariate normals are drawn here, not by TensorFlow Probability's samplers."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.runs.execution import compiled

SCALE = np.float32([[1.0, 0.0], [0.5, 0.2]])
LOC = np.float32([[-3.0, 0.0], [3.0, 1.0]])


def normals(num_rows):
    return tfd.MultivariateNormalTriL(tf.tile([[1.0, -1.0]], [num_rows, 1]), SCALE)


def diagonals(num_rows):
    return tfd.MultivariateNormalDiag(tf.tile([[1.0, -1.0]], [num_rows, 1]), [1.0, 2.0])


def mixtures(num_rows):
    components = tfd.Independent(tfd.Normal(tf.tile(LOC[np.newaxis], [num_rows, 1, 1]), 0.5), 1)
    return tfd.MixtureSameFamily(tfd.Categorical(probs=[0.25, 0.75]), components)


def mixtures_of_scalars(num_rows):
    mixture = tfd.Categorical(probs=tf.tile([[0.25, 0.75]], [num_rows, 1]))
    return tfd.MixtureSameFamily(mixture, tfd.Normal(tf.tile([[-3.0, 3.0]], [num_rows, 1]), 0.5))


@pytest.mark.parametrize("family", [normals, diagonals, mixtures, mixtures_of_scalars])
def test_draws_have_the_moments_of_the_distribution(family):
    num_rows = 40_000
    distribution = family(num_rows)
    draws = random.sample(distribution, random.as_seed(0)).numpy()
    assert draws.shape == (num_rows, *distribution.event_shape)
    deviation = distribution.stddev()[0].numpy()
    # Standard errors of the mean, and of the deviation, which is smaller for these.
    error = deviation / np.sqrt(num_rows)
    np.testing.assert_array_less(abs(draws.mean(0) - distribution.mean()[0]), 4 * error)
    np.testing.assert_array_less(abs(draws.std(0) - deviation), 4 * error)
    if family is normals:
        np.testing.assert_allclose(np.cov(draws.T), SCALE @ SCALE.T, atol=0.03)


@pytest.mark.parametrize("family", [normals, diagonals, mixtures, mixtures_of_scalars])
def test_rows_side_by_side_have_the_draws_of_separate_runs(family):
    seeds = tf.constant([[0, 1], [0, 2]])
    with random.paired(num_values=3, num_seeds=2):
        together = tf.reshape(random.sample(family(3 * 2 * 5), seeds), [3, 2, 5, -1])
    for index, seed in enumerate(tf.unstack(seeds)):
        alone = tf.reshape(random.sample(family(5), seed), [5, -1])
        for value in range(3):
            np.testing.assert_allclose(together[value, index], alone, rtol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("family", [normals, mixtures])
def test_compiled_draws_are_scored_as_eagerly(family, jit_compile):
    @compiled(jit_compile=jit_compile)
    def run(seed):
        draw = random.sample(family(6), seed)
        return draw, family(6).log_prob(draw)

    draw, log_prob = run(random.as_seed(4))
    np.testing.assert_allclose(log_prob, family(6).log_prob(draw), rtol=1e-5)
    if not jit_compile:
        eager = random.sample(family(6), random.as_seed(4))
        np.testing.assert_allclose(draw, eager, rtol=1e-5)


def test_a_draw_of_a_normal_has_the_gradient_of_its_scale():
    scale = tf.Variable(SCALE)
    with tf.GradientTape() as tape:
        draw = random.sample(tfd.MultivariateNormalTriL(tf.zeros([1, 2]), scale), 1)
    # The noise, in each row of the lower triangle.
    noise = random.normal([1, 2], 1)[0]
    expected = [[noise[0], 0], [noise[0], noise[1]]]
    np.testing.assert_allclose(tape.gradient(draw, scale), expected, rtol=1e-6)


def test_draws_may_come_from_noise_drawn_ahead():
    meter = random.meter()
    random.sample(mixtures(5), meter)
    assert meter.taken == {"uniform/float32": 5, "normal/float32": 20}
