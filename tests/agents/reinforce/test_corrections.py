import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.agents.reinforce.corrections import (
    importance_weights,
    normalized_weights,
    top_k_multiplier,
)
from recsim_tf.core.execution import compiled

PROBS = np.float64([0.5, 0.2, 0.05])
BEHAVIOUR = np.float64([0.25, 0.4, 0.005])


@pytest.mark.parametrize(
    ("cap", "expected"), [(None, [2.0, 0.5, 10.0]), (4.0, [2.0, 0.5, 4.0]), (1.0, [1.0, 0.5, 1.0])]
)
def test_importance_weights_are_capped_ratios(cap, expected):
    np.testing.assert_allclose(
        importance_weights(np.log(PROBS), np.log(BEHAVIOUR), cap), expected, rtol=1e-12
    )


def test_normalized_weights_have_mean_one_over_what_is_valid():
    weights = normalized_weights(
        tf.constant([2.0, 0.5, 9.0, 0.5]), tf.constant([1.0, 1.0, 0.0, 1.0])
    )
    np.testing.assert_allclose(weights, [2.0, 0.5, 9.0, 0.5], rtol=1e-6)
    np.testing.assert_allclose(
        normalized_weights(tf.constant([4.0, 2.0]), tf.ones([2])), [4 / 3, 2 / 3], rtol=1e-6
    )
    np.testing.assert_array_equal(normalized_weights(tf.zeros([2]), tf.ones([2])), [0.0, 0.0])


@pytest.mark.parametrize(
    ("slate_size", "expected"),
    [(1, [1.0, 1.0, 1.0]), (2, [1.0, 1.6, 1.9]), (3, [0.75, 3 * 0.8**2, 3 * 0.95**2])],
)
def test_the_top_k_multiplier_by_hand(slate_size, expected):
    np.testing.assert_allclose(top_k_multiplier(np.log(PROBS), slate_size), expected, rtol=1e-12)
    ends = top_k_multiplier(tf.math.log([1e-30, 1.0]), slate_size)
    np.testing.assert_allclose(ends, [slate_size, slate_size == 1], rtol=1e-6)


def test_corrections_carry_no_gradient_and_compile():
    log_prob = tf.constant(np.log(PROBS))

    @compiled(jit_compile=True)
    def gradient():
        with tf.GradientTape() as tape:
            tape.watch(log_prob)
            weights = importance_weights(log_prob, np.log(BEHAVIOUR), 4.0)
            total = tf.reduce_sum(
                normalized_weights(weights, tf.ones_like(weights))
                * top_k_multiplier(log_prob, 2)
                * log_prob
            )
        return tape.gradient(total, log_prob)

    weights = np.array([2.0, 0.5, 4.0])
    np.testing.assert_allclose(gradient(), weights / weights.mean() * [1.0, 1.6, 1.9], rtol=1e-12)
