import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.agents.reinforce import ImportanceWeights
from recsim_tf.core.execution import compiled

PROBS = np.float64([0.5, 0.2, 0.05])
BEHAVIOUR = np.float64([0.25, 0.4, 0.005])
VALID = tf.ones([3], tf.float64)


@pytest.mark.parametrize(
    ("cap", "expected"), [(None, [2.0, 0.5, 10.0]), (4.0, [2.0, 0.5, 4.0]), (1.0, [1.0, 0.5, 1.0])]
)
def test_importance_weights_are_capped_ratios(cap, expected):
    weights = ImportanceWeights(cap)(np.log(PROBS), np.log(BEHAVIOUR), VALID)
    np.testing.assert_allclose(weights, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("ratios", "valid", "expected"),
    [
        ([2.0, 0.5, 9.0, 0.5], [1.0, 1.0, 0.0, 1.0], [2.0, 0.5, 9.0, 0.5]),
        ([4.0, 2.0], [1.0, 1.0], [4 / 3, 2 / 3]),
        ([0.0, 0.0], [1.0, 1.0], [0.0, 0.0]),
    ],
)
def test_normalized_weights_have_mean_one_over_what_is_valid(ratios, valid, expected):
    weights = ImportanceWeights(normalize=True)
    np.testing.assert_allclose(
        weights(tf.math.log(ratios), tf.zeros([len(ratios)]), tf.constant(valid)),
        expected,
        rtol=1e-6,
    )


def test_importance_weights_carry_no_gradient_and_compile():
    log_prob = tf.constant(np.log(PROBS))

    @compiled(jit_compile=True)
    def gradient():
        with tf.GradientTape() as tape:
            tape.watch(log_prob)
            weights = ImportanceWeights(4.0, normalize=True)(log_prob, np.log(BEHAVIOUR), VALID)
            total = tf.reduce_sum(weights * log_prob)
        return tape.gradient(total, log_prob)

    weights = np.array([2.0, 0.5, 4.0])
    np.testing.assert_allclose(gradient(), weights / weights.mean(), rtol=1e-12)
