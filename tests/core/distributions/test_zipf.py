import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.distributions import clipped_zipf


@pytest.mark.parametrize("power", [1.05, 1.35, 3.0])
@pytest.mark.parametrize("largest", [1, 2, 50])
def test_what_is_above_the_largest_number_counts_as_the_largest(power, largest):
    numbers = np.arange(1, largest + 1, dtype=np.int32)
    log_probs = clipped_zipf(tf.constant(power, tf.float64), largest).log_prob(numbers)
    exact = np.exp(tfd.Zipf(tf.constant(power, tf.float64), dtype=tf.int32).log_prob(numbers))
    exact[-1] = 1 - exact[:-1].sum()
    np.testing.assert_allclose(np.exp(log_probs), exact, atol=1e-8)


def test_draws_follow_the_law_and_the_power_is_found_by_gradient():
    distribution = clipped_zipf(tf.fill([20_000], 1.35), 50)
    draws = random.sample(distribution, random.as_seed(0))
    assert draws.numpy().min() == 1
    assert draws.numpy().max() == 50
    observed = np.bincount(draws, minlength=51)[1:] / 20_000
    probs = np.exp(clipped_zipf(1.35, 50).log_prob(np.arange(1, 51, dtype=np.int32)))
    assert (np.abs(observed - probs) < 4 * np.sqrt(probs / 20_000)).all()
    power = tf.Variable(1.35)
    with tf.GradientTape() as tape:
        mean = tf.reduce_mean(clipped_zipf(power, 50).log_prob(draws))
    # At the true power the scores have mean zero; their standard deviation is about 1.2.
    assert abs(tape.gradient(mean, power)) < 3 * 1.2 / np.sqrt(20_000)
