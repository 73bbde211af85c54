"""Each component by closed forms."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import dynamics
from recsim_tf.core import random
from recsim_tf.core.execution import compiled

CYCLE = np.roll(np.eye(3), 1, axis=1)
CERTAIN = np.where(CYCLE > 0, 1e9, -1e9)


def test_a_static_state_is_drawn_once_and_kept():
    component = dynamics.Static(lambda num_rows: tfd.Normal(tf.zeros([num_rows]), 2.0))
    found = dynamics.paths(component, 4, 3, seed=1)
    np.testing.assert_array_equal(found.states, np.tile(found.initial, [4, 1]))
    assert found.innovations == ()


def test_equally_likely_rows_of_a_table_have_the_same_probability():
    table = np.arange(8.0).reshape(4, 2)
    component = dynamics.FromTable(table)
    prior = component.initial_draws(5)
    draws = random.sample(prior, random.as_seed(0))
    np.testing.assert_allclose(prior.log_prob(draws), np.full(5, np.log(1 / 4)), rtol=1e-6)
    np.testing.assert_array_equal(component.initial_state(draws, 5), table[draws])


def test_a_mixture_is_scored_over_all_its_components():
    component = dynamics.GaussianMixture([[0.0, 1.0], [2.0, 3.0]], 0.5, np.log([0.25, 0.75]))
    prior, state = component.initial_draws(3), tf.constant([[0.0, 1], [1, 1], [2, 2]])
    by_component = [
        probability * tfd.Normal(loc, 0.5).prob(state).numpy().prod(axis=1)
        for probability, loc in ((0.25, [0.0, 1]), (0.75, [2.0, 3]))
    ]
    np.testing.assert_allclose(prior.prob(state), np.sum(by_component, axis=0), rtol=1e-5)
    np.testing.assert_array_equal(component.initial_state(state, 3), state)


def test_a_cluster_is_picked_and_then_one_of_its_rows():
    logits = dynamics.clustered_logits([0, 0, 1], 0.0)
    np.testing.assert_allclose(tf.nn.softmax(logits), [1 / 4, 1 / 4, 1 / 2], rtol=1e-6)
    component = dynamics.FromTable(np.eye(3), np.log([0.2, 0.8]), clusters=[0, 0, 1])
    probs = component.initial_draws(2).prob(tf.constant([[0, 0], [1, 1], [2, 2]]))
    np.testing.assert_allclose(probs[:, 0], [0.1, 0.1, 0.8], rtol=1e-6)


def test_a_cyclic_transition_returns_after_its_period():
    component = dynamics.LinearGaussian(3, CYCLE, initial_scale=1.0)
    states = dynamics.paths(component, 4, 3).states
    np.testing.assert_allclose(states[3], states[0], rtol=1e-6)
    np.testing.assert_allclose(states[1], states[0] @ CYCLE.T, rtol=1e-6)


def test_a_number_a_diagonal_and_a_matrix_say_the_same():
    state, control = tf.random.stateless_normal([2, 5, 2], seed=[0, 1])
    noise = tf.constant([[0.3, -0.1]] * 5)
    results = []
    for times in (lambda x: x, lambda x: [x, x], lambda x: x * np.eye(2), lambda x: [[[x]]] * 5):
        component = dynamics.LinearGaussian(2, times(0.9), times(0.2), times(0.1))
        innovation = component.innovation(state, control)
        updated = component.update(state, control, noise)
        results.append((innovation.log_prob(noise), updated))
    for log_prob, updated in results:
        np.testing.assert_allclose(log_prob, results[0][0], rtol=1e-5)
        np.testing.assert_allclose(updated, 0.9 * state + 0.2 * control + noise, rtol=1e-5)


def test_a_control_of_another_size_needs_a_matrix():
    component = dynamics.LinearGaussian(1, gain=[[1.0, 2.0, 3.0]])
    updated = component.update(tf.ones([2, 1]), tf.constant([[1.0, 0, 1]] * 2), ())
    np.testing.assert_allclose(updated, [[5.0], [5.0]])


@pytest.mark.parametrize("centred", [False, True])
def test_states_and_noise_are_as_probable_as_by_the_density_of_the_chain(centred):
    component = dynamics.LinearGaussian(
        2, 0.5, noise=[0.1, 0.2], initial_scale=1.0, centred=centred
    )
    found = dynamics.paths(component, 3, 4, seed=2)
    states = found.states.numpy()
    expected = tfd.Normal(0.0, 1.0).log_prob(states[0]).numpy().sum(-1)
    steps = tfd.Normal(0.5 * states[:-1], [0.1, 0.2]).log_prob(states[1:])
    expected += steps.numpy().sum((0, 2))
    np.testing.assert_allclose(dynamics.paths_log_prob(component, found), expected, rtol=1e-4)
    if centred:
        np.testing.assert_array_equal(found.innovations, states[1:])


def test_the_variance_of_an_autoregression_is_stationary():
    component = dynamics.LinearGaussian(1, 0.9, noise=0.1)
    run = compiled(lambda seed: dynamics.paths(component, 100_000, 200, seed=seed).states[-1])
    # The standard error of the variance is 0.45 %.
    assert np.var(run(random.as_seed(0))) == pytest.approx(0.01 / (1 - 0.81), rel=0.01)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_certain_transitions_cycle_both_ways(jit_compile):
    component = dynamics.MarkovChain(
        np.stack([CERTAIN, CERTAIN.T]), initial_logits=[0.0, -1e9, -1e9]
    )
    controls = tf.constant([[0, 1]] * 4)
    run = compiled(lambda: dynamics.paths(component, 2, 4, controls), jit_compile=jit_compile)
    visited = tf.argmax(run().states, axis=-1)
    np.testing.assert_array_equal(tf.transpose(visited), [[0, 1, 2, 0, 1], [0, 2, 1, 0, 2]])
    np.testing.assert_allclose(dynamics.paths_log_prob(component, run(), controls), [0, 0])


def test_a_chain_has_the_probabilities_of_its_row_or_of_a_mixture_of_rows():
    logits = [[np.log(0.9), np.log(0.1), -np.inf], np.log([0.2, 0.3, 0.5]), [-np.inf, -np.inf, 0]]
    component = dynamics.MarkovChain(logits)
    state = tf.constant([[1.0, 0, 0], [0, 1, 0], [0.5, 0.5, 0]])
    probs = tf.exp(component.innovation(state, None).logits)
    expected = [[0.9, 0.1, 0], [0.2, 0.3, 0.5], [0.55, 0.2, 0.25]]
    np.testing.assert_allclose(probs, expected, rtol=1e-6)


def test_the_recurrent_cell_is_that_of_keras():
    cell = tf.keras.layers.GRUCell(4)
    cell.build([None, 3])
    cell.bias.assign(tf.random.stateless_normal([2, 12], seed=[0, 0]))
    component = dynamics.Recurrent(4, 3, cell.kernel, cell.recurrent_kernel, cell.bias)
    controls = tf.random.stateless_normal([3, 5, 3], seed=[0, 1])
    state = [component.initial_state((), 5)]
    for control in controls:
        _, state = cell(control, state)
    found = dynamics.paths(component, 5, 3, controls).states[-1]
    np.testing.assert_allclose(found, state[0], atol=1e-6)


def test_a_history_has_the_newest_last():
    controls = tf.reshape(tf.range(12.0), [3, 2, 2])
    states = dynamics.paths(dynamics.History(2, (2,)), 2, 3, controls).states
    np.testing.assert_array_equal(states[1, 0], [[0, 0], [0, 1]])
    np.testing.assert_array_equal(states[3, 1], [controls[1, 1], controls[2, 1]])


class Fibonacci(dynamics.Component):
    def initial_state(self, draws, num_rows):
        return tf.tile([[0.0, 1.0]], [num_rows, 1])

    def update(self, state, control, innovation):
        return tf.stack([state[:, 1], state[:, 0] + state[:, 1]], axis=1)


def test_a_component_of_ones_own_counts():
    states = dynamics.paths(Fibonacci(), 2, 6).states
    np.testing.assert_array_equal(states[:, 1, 0], [0, 1, 1, 2, 3, 5, 8])


class Learned(dynamics.Component):
    """The next state of a Keras layer."""

    layer: Any

    def initial_state(self, draws, num_rows):
        return tf.ones([num_rows, 2])

    def update(self, state, control, innovation):
        return self.layer(state)


def test_a_keras_layer_in_a_field_has_gradients():
    layer = tf.keras.layers.Dense(2, kernel_initializer="ones")
    layer.build([None, 2])
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(dynamics.paths(Learned(layer), 1, 2).states[-1])
    gradient = tape.gradient(total, layer.kernel)
    # Of the sum of x W W for x = (1, 1) and W of ones.
    np.testing.assert_allclose(gradient, [[4, 4], [4, 4]])
    assert Learned(layer).parameters() == {}


def test_a_random_walk_is_scored_as_by_hand():
    component = dynamics.LinearGaussian(1, noise=1.0, centred=True)
    observed = tf.constant([[[1.0]], [[2.0]], [[3.0]]])
    log_prob = dynamics.paths_log_prob(component, dynamics.Paths((), observed, ()))
    # -3 (log sqrt(2 pi) + 1 / 2)
    np.testing.assert_allclose(log_prob, [-4.256816], atol=1e-5)


def test_the_likelihood_of_a_walk_has_the_gradient_of_its_closed_form():
    scale = tf.Variable(2.0)
    component = dynamics.LinearGaussian(1, noise=scale, centred=True)
    observed = dynamics.Paths((), tf.constant([[[1.0]], [[3.0]], [[2.0]]]), ())
    with tf.GradientTape() as tape:
        log_prob = dynamics.paths_log_prob(component, observed)
    # Each step x adds x^2 / s^3 - 1 / s.
    np.testing.assert_allclose(tape.gradient(log_prob, scale), 6 / 8 - 3 / 2, rtol=1e-6)


class Chained(dynamics.Component):
    """Two draws of a step, the second given the first."""

    def initial_state(self, draws, num_rows):
        return tf.zeros([num_rows])

    def innovation(self, state, control):
        return tfd.JointDistributionNamed(
            {
                "first": tfd.Normal(state, 1.0),
                "second": lambda first: tfd.Normal(first + 1, 2.0),
            }
        )

    def update(self, state, control, innovation):
        return innovation["first"]


def test_chained_draws_are_scored_as_by_hand():
    draws = {"first": tf.zeros([1, 1]), "second": tf.ones([1, 1])}
    log_prob = dynamics.paths_log_prob(Chained(), dynamics.Paths((), draws, ()))
    # -2 log sqrt(2 pi) - log 2
    np.testing.assert_allclose(log_prob, [-2.531024], atol=1e-5)


FAULTS = {
    "prior must be a function": lambda: dynamics.Static(tfd.Normal(0.0, 1.0)),
    "prior must return a distribution": lambda: dynamics.Static(
        lambda num_rows: tf.zeros([num_rows])
    ).initial_draws(2),
    r"loc must have shape \[C, F\]": lambda: dynamics.GaussianMixture([1.0, 2.0]),
    "scale must be above 0": lambda: dynamics.GaussianMixture([[1.0], [2.0]], 0.0),
    r"table must have shape \[n, F\]": lambda: dynamics.FromTable([1.0, 2.0]),
    r"logits must have shape \[num_logits=3\]": lambda: dynamics.FromTable(np.eye(3), [0.0, 1.0]),
    "clusters must have a row in each of 0 to 2, got none in 1": lambda: dynamics.FromTable(
        np.eye(3), clusters=[0, 0, 2]
    ),
    "clusters must be 3 integers": lambda: dynamics.FromTable(np.eye(3), clusters=[0, 1]),
    r"transition must be a number, \[2\], \[2, 2\]": lambda: dynamics.LinearGaussian(2, np.eye(3)),
    r"gain must be a number, \[2\], \[2, G\]": lambda: dynamics.LinearGaussian(2, gain=np.eye(3)),
    "noise must be above 0": lambda: dynamics.LinearGaussian(2, noise=[0.1, 0.0]),
    "noise must be lower triangular": lambda: dynamics.LinearGaussian(2, noise=np.ones([2, 2])),
    "noise must be given to draw states": lambda: dynamics.LinearGaussian(2, centred=True),
    r"logits must have shape \[n, n\]": lambda: dynamics.MarkovChain([[0.0, 1.0]]),
    r"kernel must have shape \[num_inputs=3, 3 \* size=12\]": lambda: dynamics.Recurrent(
        4, 3, np.ones([4, 12])
    ),
    "length must be an integer of at least 1": lambda: dynamics.History(0),
    r"control of History must be float32 \[2, 3\], got float32 \(2, 4\)": lambda: dynamics.History(
        2, (3,)
    ).update(tf.zeros([2, 2, 3]), tf.zeros([2, 4]), ()),
    r"control of LinearGaussian must be float32 \[2, 3\], got NoneType": lambda: (
        dynamics.LinearGaussian(1, gain=[[1.0, 2.0, 3.0]]).update(tf.zeros([2, 1]), None, ())
    ),
    r"control of MarkovChain must be int32 \[2\], got float32 \(2,\)": lambda: dynamics.MarkovChain(
        np.zeros([2, 3, 3])
    ).innovation(tf.eye(3)[:2], tf.zeros([2])),
    r"controls must have the shape \[num_steps=3, num_rows=2": lambda: dynamics.paths(
        dynamics.History(2), 2, 3, tf.zeros([2, 3])
    ),
    "paths must have innovations": lambda: dynamics.paths_log_prob(
        dynamics.History(2), dynamics.Paths((), (), ())
    ),
}


@pytest.mark.parametrize("message", FAULTS)
def test_a_fault_is_one_line(message):
    with pytest.raises(ValueError, match=message) as error:
        FAULTS[message]()
    assert "\n" not in str(error.value)
