# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.fitting.searches.minibatches import Rest


def rest_after(gradients, passes, num_batches=1):
    rest = Rest([tf.Variable(np.zeros(2))], passes, num_batches)
    for index, gradient in enumerate(gradients):
        rest.add(index // num_batches, [tf.constant(gradient, tf.float32)])
    return rest


def noisy(mean, count):
    return mean + np.random.default_rng(0).standard_normal([count, 2])


@pytest.mark.parametrize(
    ("gradients", "passes", "num_batches", "is_reached"),
    [
        pytest.param(noisy(0.0, 80), 80, 1, True, id="noise alone"),
        pytest.param(noisy(2.0, 80), 80, 1, False, id="a slope under noise"),
        pytest.param(
            [*noisy(2.0, 60), *noisy(0.0, 20)], 80, 1, True, id="a slope that was left behind"
        ),
        pytest.param(noisy(0.0, 80), 16, 5, True, id="noise of minibatches"),
        pytest.param(noisy(2.0, 80), 16, 5, False, id="a slope under noise of minibatches"),
        pytest.param(
            [[0.9**step] * 2 for step in range(80)], 80, 1, True, id="no noise and no slope left"
        ),
        pytest.param(
            [[0.99**step] * 2 for step in range(80)], 80, 1, False, id="no noise and a slope"
        ),
        pytest.param(noisy(0.0, 12), 12, 1, False, id="too few passes to tell"),
    ],
)
def test_a_search_is_at_rest_where_the_last_gradients_are_zero_but_for_noise(
    gradients, passes, num_batches, is_reached
):
    assert rest_after(gradients, passes, num_batches).is_reached() == is_reached
