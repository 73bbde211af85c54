# SPDX-License-Identifier: Apache-2.0
"""Each component by closed forms, and its execution eagerly, in a graph and under XLA."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf import dynamics
from recsim_tf.core import distributions, random
from recsim_tf.core.runs.execution import compiled
from recsim_tf.dynamics import History, Keep, LinearGaussian, MarkovChain, Restart, Where
from tests.alike import assert_close, assert_modes_agree
from tests.refusals import assert_refused

SEED = random.as_seed(0)
CYCLE = np.roll(np.eye(3), 1, axis=1)
CERTAIN = np.where(CYCLE > 0, 1e9, -1e9)
CONDITION = tf.constant([True, False, True])


def test_a_static_state_is_drawn_once_and_kept():
    component = dynamics.Static(lambda num_rows: tfd.Normal(tf.zeros([num_rows]), 2.0))
    found = dynamics.paths(component, 4, 3, seed=1)
    np.testing.assert_array_equal(found.states, np.tile(found.initial, [4, 1]))
    assert found.innovations == ()


def test_equally_likely_rows_of_a_table_have_the_same_probability():
    table = np.arange(8.0).reshape(4, 2)
    component = dynamics.FromTable(table)
    prior = component.initial_draws(5)
    draws = random.sample(prior, SEED)
    np.testing.assert_allclose(prior.log_prob(draws), np.full(5, np.log(1 / 4)), rtol=1e-6)
    np.testing.assert_array_equal(component.initial_state(draws, 5), table[draws])


def test_a_cluster_is_picked_and_then_one_of_its_rows():
    logits = np.log([0.2, 0.2, 0.8]) - np.log([2, 2, 1])
    probs = dynamics.FromTable(np.eye(3), logits).initial_draws(2).prob([[0, 0], [1, 1], [2, 2]])
    np.testing.assert_allclose(probs[:, 0], [0.1, 0.1, 0.8], rtol=1e-6)


def test_a_cyclic_transition_returns_after_its_period():
    component = LinearGaussian(3, CYCLE, initial_scale=1.0)
    states = dynamics.paths(component, 4, 3).states
    np.testing.assert_allclose(states[3], states[0], rtol=1e-6)
    np.testing.assert_allclose(states[1], states[0] @ CYCLE.T, rtol=1e-6)


def test_a_number_a_diagonal_and_a_matrix_say_the_same():
    state, control = tf.random.stateless_normal([2, 5, 2], seed=[0, 1])
    noise = tf.constant([[0.3, -0.1]] * 5)
    results = []
    for times in (lambda x: x, lambda x: [x, x], lambda x: x * np.eye(2), lambda x: [[[x]]] * 5):
        component = LinearGaussian(2, times(0.9), times(0.2), times(0.1))
        innovation = component.innovation(state, control)
        updated = component.update(state, control, noise)
        results.append((innovation.log_prob(noise), updated))
    for log_prob, updated in results:
        np.testing.assert_allclose(log_prob, results[0][0], rtol=1e-5)
        np.testing.assert_allclose(updated, 0.9 * state + 0.2 * control + noise, rtol=1e-5)


def test_a_control_of_another_size_needs_a_matrix():
    component = LinearGaussian(1, gain=[[1.0, 2.0, 3.0]])
    updated = component.update(tf.ones([2, 1]), tf.constant([[1.0, 0, 1]] * 2), ())
    np.testing.assert_allclose(updated, [[5.0], [5.0]])


@pytest.mark.parametrize("centred", [False, True])
def test_states_and_noise_are_as_probable_as_by_the_density_of_the_chain(centred):
    component = LinearGaussian(2, 0.5, noise=[0.1, 0.2], initial_scale=1.0, centred=centred)
    found = dynamics.paths(component, 3, 4, seed=2)
    states = found.states.numpy()
    expected = tfd.Normal(0.0, 1.0).log_prob(states[0]).numpy().sum(-1)
    steps = tfd.Normal(0.5 * states[:-1], [0.1, 0.2]).log_prob(states[1:])
    expected += steps.numpy().sum((0, 2))
    np.testing.assert_allclose(dynamics.paths_log_prob(component, found), expected, rtol=1e-4)
    if centred:
        np.testing.assert_array_equal(found.innovations, states[1:])


def test_the_variance_of_an_autoregression_is_stationary():
    component = LinearGaussian(1, 0.9, noise=0.1)
    run = compiled(lambda seed: dynamics.paths(component, 100_000, 200, seed=seed).states[-1])
    # The standard error of the variance is 0.45 %.
    assert np.var(run(SEED)) == pytest.approx(0.01 / (1 - 0.81), rel=0.01)


def test_the_likelihood_of_a_walk_has_the_gradient_of_its_closed_form():
    scale = tf.Variable(2.0)
    component = LinearGaussian(1, noise=scale, centred=True)
    observed = dynamics.Paths((), tf.constant([[[1.0]], [[3.0]], [[2.0]]]), ())
    with tf.GradientTape() as tape:
        log_prob = dynamics.paths_log_prob(component, observed)
    # Each step x adds x^2 / s^3 - 1 / s.
    np.testing.assert_allclose(tape.gradient(log_prob, scale), 6 / 8 - 3 / 2, rtol=1e-6)


def test_certain_transitions_cycle_both_ways():
    component = MarkovChain(np.stack([CERTAIN, CERTAIN.T]), initial_logits=[0.0, -1e9, -1e9])
    controls = tf.constant([[0, 1]] * 4)
    found = dynamics.paths(component, 2, 4, controls)
    visited = tf.argmax(found.states, axis=-1)
    np.testing.assert_array_equal(tf.transpose(visited), [[0, 1, 2, 0, 1], [0, 2, 1, 0, 2]])
    np.testing.assert_allclose(dynamics.paths_log_prob(component, found, controls), [0, 0])


def test_a_chain_has_the_probabilities_of_its_row_or_of_a_mixture_of_rows():
    logits = [[np.log(0.9), np.log(0.1), -np.inf], np.log([0.2, 0.3, 0.5]), [-np.inf, -np.inf, 0]]
    state = tf.constant([[1.0, 0, 0], [0, 1, 0], [0.5, 0.5, 0]])
    probs = tf.exp(MarkovChain(logits).innovation(state, ()).logits)
    expected = [[0.9, 0.1, 0], [0.2, 0.3, 0.5], [0.55, 0.2, 0.25]]
    np.testing.assert_allclose(probs, expected, rtol=1e-6)


class Recurrent(dynamics.Component):
    """A cell of Keras in a field, whose state is that of the component."""

    cell: Any = None

    def initial_state(self, draws, num_rows):
        return tf.zeros([num_rows, 4])

    def update(self, state, control, innovation):
        return self.cell(control, [state])[0]


def test_a_keras_cell_in_a_field_is_a_recurrent_state():
    tf.keras.utils.set_random_seed(0)
    cell = tf.keras.layers.GRUCell(4)
    controls = tf.random.stateless_normal([3, 5, 3], seed=[0, 1])
    component = Recurrent(cell=cell)
    state = [component.initial_state((), 5)]
    for control in controls:
        _, state = cell(control, state)
    states = dynamics.paths(component, 5, 3, controls).states
    np.testing.assert_allclose(states[-1], state[0], atol=1e-6)


def test_a_history_has_the_newest_last():
    controls = tf.reshape(tf.range(12.0), [3, 2, 2])
    states = dynamics.paths(History(2, (2,)), 2, 3, controls).states
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


def test_a_kept_state_does_not_enter_the_history():
    controls = tf.constant([[True], [False], [True]]), tf.constant([[1.0], [2.0], [3.0]])
    states = dynamics.paths(Where(Keep(), History(2)), 1, 3, controls).states
    np.testing.assert_array_equal(states[:, 0], [[0, 0], [0, 0], [0, 2], [0, 2]])


def test_a_restarted_state_is_drawn_as_at_the_start():
    mood = MarkovChain(np.zeros([2, 2]), initial_logits=[-1e9, 0.0])
    component = Where(Restart(mood), mood)
    state = component.initial_state(random.sample(component.initial_draws(3), SEED), 3)
    np.testing.assert_array_equal(state, [[0, 1]] * 3)
    innovation = component.innovation(state, (CONDITION, ()))
    draw = random.sample(innovation, SEED)
    log_prob = distributions.log_prob(innovation, draw)
    np.testing.assert_allclose(log_prob, np.log([1, 0.5, 1]), atol=1e-6)
    updated = component.update(state, (CONDITION, ()), draw)
    np.testing.assert_array_equal(updated[0], [0, 1])
    np.testing.assert_array_equal(updated[1], tf.one_hot(draw.otherwise[1], 2))


def test_only_the_branch_that_is_taken_is_scored():
    inner = Where(LinearGaussian(1, noise=0.1), LinearGaussian(1, noise=1.0))
    component = Where(LinearGaussian(1, noise=10.0), inner)
    control = (CONDITION, (tf.constant([True, True, False]), ()))
    innovation = component.innovation(tf.ones([3, 1]), control)
    draw = random.sample(innovation, SEED)
    drawn = tf.concat([draw.then[:1], draw.otherwise.then[1:2], draw.then[2:]], axis=0)
    expected = tfd.Normal(0.0, [10.0, 0.1, 10.0]).log_prob(drawn[:, 0])
    np.testing.assert_allclose(distributions.log_prob(innovation, draw), expected, rtol=1e-6)
    updated = component.update(tf.ones([3, 1]), control, draw)
    np.testing.assert_allclose(updated, 1 + drawn)
    # What is not drawn is the mode, in logs too.
    np.testing.assert_array_equal(draw.then[1], [0.0])


def test_the_branch_that_is_not_taken_has_no_gradient_and_no_nan():
    scale = tf.constant([[[0.5]], [[-1.0]], [[2.0]]])  # Of the second row it is no scale at all.
    noise = tf.Variable(scale)
    component = Where(LinearGaussian(1, noise=noise), Keep())
    with tf.GradientTape() as tape:
        innovation = component.innovation(tf.zeros([3, 1]), (CONDITION, ()))
        draw = random.sample(innovation, SEED)._replace(then=tf.ones([3, 1]))
        log_prob = distributions.log_prob(innovation, draw)
        total = tf.reduce_sum(log_prob)
    gradient = tape.gradient(total, noise)[:, 0, 0]
    # d log N(1 | 0, s) / ds = s^-3 - s^-1
    np.testing.assert_allclose(gradient, [8 - 2, 0, 1 / 8 - 1 / 2], rtol=1e-5)
    assert log_prob[1] == 0


B, T = 4, 3
NORMALS = tf.random.stateless_normal([T, B, 3], seed=[1, 2], dtype=tf.float64)
MOVING = LinearGaussian(1, 0.7, [[0.2, 0.1]], 0.3, 0.2, initial_scale=0.5)
MATRICES = ([[0.7, 0.1], [0.0, 0.9]], 0.3, [[0.3, 0], [0.1, 0.2]], 0.1, [[1, 0], [0.2, 1.0]])
CASES = {
    "gaussian, of matrices": (LinearGaussian(2, *MATRICES), NORMALS[..., :2]),
    "gaussian, centred": (MOVING.replaced(centred=True), NORMALS[..., :2]),
    "chain": (
        MarkovChain(1 + np.arange(8.0).reshape(2, 2, 2), [0.1, 0.4]),
        tf.constant([[0, 1, 1, 0]] * T),
    ),
    "where": (
        Where(Restart(MOVING), MOVING),
        (tf.constant([[True, False, True, False]] * T), NORMALS[..., :2]),
    ),
}


@pytest.fixture(params=CASES)
def case(request):
    component, controls = CASES[request.param]
    return component.replaced(dtype=tf.float64), controls


def value(component, controls, draws):
    """A number that depends on all parameters."""
    return tf.reduce_sum(dynamics.paths_log_prob(component, draws, controls))


@pytest.mark.slow
def test_eager_graph_and_xla_agree(case):
    component, controls = case
    eager = dynamics.paths(component, B, T, controls, 3)
    run = compiled(lambda seed: dynamics.paths(component, B, T, controls, seed))
    assert_close(run(random.as_seed(3)), eager, rtol=1e-9)
    assert_modes_agree(lambda: value(component, controls, eager), rtol=1e-9)


@pytest.mark.slow
def test_gradients_are_finite_differences(case):
    component, controls = case
    draws = dynamics.paths(component, B, T, controls, 3)
    found = component.parameters()
    variables = [tf.Variable(each, dtype=tf.float64, name=name) for name, each in found.items()]
    component = component.with_parameters(dict(zip(found, variables, strict=True)))

    @compiled
    def differentiated():
        with tf.GradientTape() as tape:
            total = value(component, controls, draws)
        return total, tape.gradient(total, variables, unconnected_gradients="zero")

    _, gradients = differentiated()
    for variable, gradient in zip(variables, gradients, strict=True):
        direction = np.random.default_rng(0).normal(size=variable.shape)
        start, around = variable.numpy(), []
        for step in (1e-5, -1e-5):
            # A scale stays lower triangular.
            variable.assign(start + step * direction * (start != 0))
            around.append(differentiated()[0].numpy())
        variable.assign(start)
        expected = (around[0] - around[1]) / 2e-5
        found = np.sum(gradient * direction * (start != 0))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6, err_msg=variable.name)


FAULTS = {
    r"table must have shape \[n, F\]": lambda: dynamics.FromTable([1.0, 2.0]),
    r"transition must be a number, \[2\], \[2, 2\]": lambda: LinearGaussian(2, np.eye(3)),
    "noise must be above 0": lambda: LinearGaussian(2, noise=[0.1, 0.0]),
    "lower triangular": lambda: LinearGaussian(2, noise=np.ones([2, 2])),
    "noise must be given to draw states": lambda: LinearGaussian(2, centred=True),
    r"logits must have shape \[n, n\]": lambda: MarkovChain([[0.0, 1.0]]),
    r"^logits must have a number above -inf in each row, got none$": lambda: dynamics.FromTable(
        np.eye(2), [-np.inf, -np.inf]
    ),
    r"^logits must have a number above -inf in each row, got none in row \[1\]": lambda: (
        MarkovChain([[0.0, 0.0], [-np.inf, -np.inf]])
    ),
    "initial_logits must have a number above -inf": lambda: MarkovChain(np.eye(2), -np.inf),
    r"control of History must be float32 \[2, 3\], got float32 \(2, 4\)": lambda: History(
        2, (3,)
    ).update(tf.zeros([2, 2, 3]), tf.zeros([2, 4]), ()),
    r"controls must have shape \[3, 2\] first": lambda: dynamics.paths(
        History(2), 2, 3, tf.zeros([2, 3])
    ),
    "otherwise must not be Keep": lambda: Where(Keep(), Keep()),
    r"control of Where must be \(condition, control\)": lambda: Where(Keep(), History(2)).update(
        tf.zeros([3, 2]), tf.zeros([3]), ()
    ),
    "otherwise must have the state": lambda: Where(History(2), Restart(History(3))).update(
        tf.zeros([3, 2]), (CONDITION, tf.zeros([3])), ()
    ),
}


@pytest.mark.parametrize("message", FAULTS)
def test_a_fault_is_one_line(message):
    assert_refused(FAULTS[message], message)
