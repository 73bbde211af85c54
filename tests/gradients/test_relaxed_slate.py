import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.distributions.plackett_luce import PlackettLuce
from recsim_tf.core.execution import compiled
from recsim_tf.gradients import relaxed_slate, relaxed_top_k

LOGITS = np.array([0.3, -1.2, 2.0, 0.0, -0.4])
MASK = np.array([True, True, False, True, True])


def distribution(num_users, dtype, mask=None):
    return PlackettLuce(tf.tile(tf.constant(LOGITS, dtype)[tf.newaxis], [num_users, 1]), 3, mask)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize("mask", [None, MASK], ids=["all", "masked"])
def test_near_temperature_zero_it_is_the_slate_drawn_with_the_same_seed(dtype, mask):
    seed = random.as_seed(4)
    slates = random.sample(distribution(200, dtype, mask), seed)
    weights = relaxed_slate(distribution(200, dtype, mask), seed, 1e-4)
    assert (weights.dtype, weights.shape) == (dtype, [200, 3, 5])
    # Two of the keys may be as near as the temperature.
    near = np.abs(weights - tf.one_hot(slates, 5, dtype=dtype)) < 1e-3
    assert near.all(axis=(1, 2)).mean() > 0.98


@pytest.mark.parametrize("temperature", [0.05, 0.5, 5.0])
def test_the_weights_of_a_position_sum_to_one_and_masked_candidates_have_none(temperature):
    weights = relaxed_slate(distribution(50, tf.float32, MASK), random.as_seed(0), temperature)
    np.testing.assert_allclose(np.sum(weights, axis=-1), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(weights[..., 2], 0.0)


def test_by_hand():
    # softmax of log(1, 2, 5) at temperature 1 is 1/8, 2/8, 5/8; then the weights are 1 * 7/8, 2 *
    # 6/8, 5 * 3/8.
    weights = relaxed_top_k(tf.math.log([[1.0, 2.0, 5.0]]), 2, 1.0)
    second = np.array([7.0, 12.0, 15.0])
    np.testing.assert_allclose(
        weights[0], [[1 / 8, 2 / 8, 5 / 8], second / second.sum()], rtol=1e-6
    )


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_gradients_are_those_of_finite_differences(temperature):
    keys = tf.constant(LOGITS[np.newaxis])
    cotangent = np.random.default_rng(0).normal(size=[1, 3, 5])
    theoretical, numerical = tf.test.compute_gradient(
        lambda keys: tf.reduce_sum(cotangent * relaxed_top_k(keys, 3, temperature)),
        [keys],
        delta=1e-6,
    )
    np.testing.assert_allclose(theoretical[0], numerical[0], rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("temperature", [0.01, 0.2])
def test_float32_keeps_the_gradient_where_a_weight_is_next_to_one(temperature):
    cotangent = np.random.default_rng(0).normal(size=[100, 3, 5])
    values = random.gumbel([100, 5], random.as_seed(1), tf.float64) + LOGITS

    @compiled(jit_compile=True)
    def gradient(keys):
        with tf.GradientTape() as tape:
            tape.watch(keys)
            total = tf.reduce_sum(
                tf.cast(cotangent, keys.dtype) * relaxed_top_k(keys, 3, temperature)
            )
        return tape.gradient(total, keys)

    exact = gradient(values).numpy()
    single = gradient(tf.cast(values, tf.float32)).numpy()
    assert np.isfinite(exact).all()
    assert np.isfinite(single).all()
    np.testing.assert_allclose(single, exact, atol=2e-3 * np.abs(exact).max())
