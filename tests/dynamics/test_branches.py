"""Branches: only the one that a row takes is drawn, scored and differentiated."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import dynamics
from recsim_tf.core import distributions, random

SEED = random.as_seed(0)
CONDITION = tf.constant([True, False, True])


def test_a_kept_state_does_not_enter_the_history():
    component = dynamics.Where(dynamics.Keep(), dynamics.History(2))
    controls = tf.constant([[True], [False], [True]]), tf.constant([[1.0], [2.0], [3.0]])
    states = dynamics.paths(component, 1, 3, controls).states
    np.testing.assert_array_equal(states[:, 0], [[0, 0], [0, 0], [0, 2], [0, 2]])


def test_only_the_branch_that_is_taken_is_scored():
    calm = dynamics.LinearGaussian(1, 0.5, noise=0.1)
    wild = dynamics.LinearGaussian(1, 1.0, noise=1.0)
    component = dynamics.Where(calm, wild)
    state, control = tf.constant([[1.0], [1.0], [2.0]]), (CONDITION, None)
    innovation = component.innovation(state, control)
    draw = random.sample(innovation, SEED)
    expected = tf.where(
        CONDITION,
        tfd.Normal(0.0, 0.1).log_prob(draw.then[:, 0]),
        tfd.Normal(0.0, 1.0).log_prob(draw.otherwise[:, 0]),
    )
    np.testing.assert_allclose(distributions.log_prob(innovation, draw), expected, rtol=1e-6)
    updated = component.update(state, control, draw)
    expected = tf.where(CONDITION[:, tf.newaxis], 0.5 * state + draw.then, state + draw.otherwise)
    np.testing.assert_allclose(updated, expected)
    # What is not drawn is the mode, in logs too.
    np.testing.assert_array_equal(draw.then[1], [0.0])


def test_a_restarted_state_is_drawn_as_at_the_start():
    mood = dynamics.MarkovChain(np.zeros([2, 2]), initial_logits=[-1e9, 0.0])
    component = dynamics.Where(dynamics.Restart(mood), mood)
    state = component.initial_state(random.sample(component.initial_draws(3), SEED), 3)
    np.testing.assert_array_equal(state, [[0, 1]] * 3)
    innovation = component.innovation(state, (CONDITION, None))
    draw = random.sample(innovation, SEED)
    log_prob = distributions.log_prob(innovation, draw)
    np.testing.assert_allclose(log_prob, np.log([1, 0.5, 1]), atol=1e-6)
    updated = component.update(state, (CONDITION, None), draw)
    np.testing.assert_array_equal(updated[0], [0, 1])
    np.testing.assert_array_equal(updated[1], tf.one_hot(draw.otherwise[1], 2))


def test_branches_may_be_in_branches():
    inner = dynamics.Where(
        dynamics.LinearGaussian(1, noise=0.1), dynamics.LinearGaussian(1, noise=1.0)
    )
    others = tf.constant([True, True, False])
    control = (CONDITION, (others, None))
    component = dynamics.Where(dynamics.LinearGaussian(1, noise=10.0), inner)
    innovation = component.innovation(tf.zeros([3, 1]), control)
    draw = random.sample(innovation, SEED)
    found = distributions.log_prob(innovation, draw)
    drawn = (draw.then[0], draw.otherwise.then[1], draw.then[2])
    expected = [
        tfd.Normal(0.0, s).log_prob(x)[0] for x, s in zip(drawn, (10, 0.1, 10), strict=True)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_branch_that_is_not_taken_has_no_gradient_and_no_nan():
    scale = tf.constant([[[0.5]], [[-1.0]], [[2.0]]])  # Of the second row it is no scale at all.
    noise = tf.Variable(scale)
    component = dynamics.Where(dynamics.LinearGaussian(1, noise=noise), dynamics.Keep())
    with tf.GradientTape() as tape:
        innovation = component.innovation(tf.zeros([3, 1]), (CONDITION, None))
        draw = random.sample(innovation, SEED)._replace(then=tf.ones([3, 1]))
        log_prob = distributions.log_prob(innovation, draw)
        total = tf.reduce_sum(log_prob)
    gradient = tape.gradient(total, noise)[:, 0, 0]
    # d log N(1 | 0, s) / ds = s^-3 - s^-1
    np.testing.assert_allclose(gradient, [8 - 2, 0, 1 / 8 - 1 / 2], rtol=1e-5)
    assert log_prob[1] == 0


FAULTS = {
    "then must be a Component, got int": lambda: dynamics.Where(1, dynamics.Keep()),
    r"component must be an object, such as Keep\(\), got the class": lambda: dynamics.Restart(
        dynamics.Keep
    ),
    "otherwise must be another component": lambda: dynamics.Where(dynamics.Keep(), dynamics.Keep()),
    "control of Where must be a pair, a condition and a control, got EagerTensor": lambda: (
        dynamics.Where(dynamics.Keep(), dynamics.History(2)).update(
            tf.zeros([3, 2]), tf.zeros([3]), ()
        )
    ),
    r"control of Where must be bool \[3\], got float32 \(3,\)": lambda: dynamics.Where(
        dynamics.Keep(), dynamics.History(2)
    ).update(tf.zeros([3, 2]), (tf.zeros([3]), tf.zeros([3])), ()),
    r"otherwise must have a state of \('float32', \[3, 2\]\), as at the start": lambda: (
        dynamics.Where(dynamics.History(2), dynamics.Restart(dynamics.History(3))).update(
            tf.zeros([3, 2]), (CONDITION, tf.zeros([3])), ()
        )
    ),
}


@pytest.mark.parametrize("message", FAULTS)
def test_a_fault_is_one_line(message):
    with pytest.raises(ValueError, match=message) as error:
        FAULTS[message]()
    assert "\n" not in str(error.value)
