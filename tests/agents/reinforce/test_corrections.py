import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.agents.reinforce.corrections import importance_weights, normalized_weights
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


def test_corrections_carry_no_gradient_and_compile():
    log_prob = tf.constant(np.log(PROBS))

    @compiled(jit_compile=True)
    def gradient():
        with tf.GradientTape() as tape:
            tape.watch(log_prob)
            weights = importance_weights(log_prob, np.log(BEHAVIOUR), 4.0)
            total = tf.reduce_sum(normalized_weights(weights, tf.ones_like(weights)) * log_prob)
        return tape.gradient(total, log_prob)

    weights = np.array([2.0, 0.5, 4.0])
    np.testing.assert_allclose(gradient(), weights / weights.mean(), rtol=1e-12)
