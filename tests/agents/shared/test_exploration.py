import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.agents.shared.exploration import linearly_decaying_epsilon
from recsim_tf.core.execution import compiled
from recsim_tf.experiment import config


def test_epsilon_falls_in_a_straight_line_after_the_warm_up():
    # RecSim 0.2.4's defaults and values.
    epsilon = linearly_decaying_epsilon()
    for step, value in (
        (0, 1.0),
        (20_000, 1.0),
        (145_000, 0.505),
        (270_000, 0.01),
        (10_000_000, 0.01),
    ):
        np.testing.assert_allclose(epsilon(tf.constant(step, tf.int64)), value, rtol=1e-5)


@pytest.mark.parametrize("step", [0, 3, 4, 5, 9, 13, 14, 100])
def test_epsilon_is_recsims_formula(step):
    final, warmup, decay = 0.2, 4, 10
    expected = final + np.clip((1 - final) * (decay + warmup - step) / decay, 0, 1 - final)
    train_step = tf.Variable(step, dtype=tf.int64)
    epsilon = linearly_decaying_epsilon(final, warmup, decay)
    assert epsilon(train_step).dtype == tf.float32
    np.testing.assert_allclose(compiled(lambda: epsilon(train_step))(), expected, rtol=1e-6)


def test_it_can_be_bound_in_a_gin_file():
    loaded = config.load(
        [],
        [
            "Exploration.epsilon = @linearly_decaying_epsilon()",
            "linearly_decaying_epsilon.decay_steps = 7",
        ],
    )
    assert "linearly_decaying_epsilon.decay_steps = 7" in loaded
