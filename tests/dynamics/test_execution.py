"""Gradients, and the same results eagerly, in a graph and under XLA."""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf import dynamics
from recsim_tf.core import random
from recsim_tf.core.execution import compiled

B, T = 4, 3
GAUSSIAN = {"transition": 0.7, "gain": [[0.2, 0.1]], "noise": 0.3, "initial_loc": 0.2}


def normals(*shape):
    return tf.random.stateless_normal(shape, seed=[1, 2], dtype=tf.float64)


def components():
    """Components in float64 with their controls."""
    mood = dynamics.MarkovChain(1 + np.arange(8.0).reshape(2, 2, 2), [0.1, 0.4])
    moving = dynamics.LinearGaussian(1, initial_scale=0.5, **GAUSSIAN)
    which = tf.constant([[True, False, True, False]] * T)
    return {
        "gaussian": (moving, normals(T, B, 2)),
        "gaussian, of matrices": (
            dynamics.LinearGaussian(
                2, [[0.7, 0.1], [0.0, 0.9]], 0.3, [[0.3, 0], [0.1, 0.2]], 0.1, [[1, 0], [0.2, 1.0]]
            ),
            normals(T, B, 2),
        ),
        "gaussian, centred": (moving.replaced(centred=True), normals(T, B, 2)),
        "chain": (mood, tf.constant([[0, 1, 1, 0]] * T)),
        "where": (
            dynamics.Where(dynamics.Restart(moving), moving),
            (which, normals(T, B, 2)),
        ),
        "recurrent": (dynamics.Recurrent(3, 2, seed=1), normals(T, B, 2)),
    }


CASES = tuple(components())


@pytest.fixture(params=CASES)
def case(request):
    component, controls = components()[request.param]
    return component.replaced(dtype=tf.float64), controls


def drawn(component, controls, jit_compile=False):
    """Paths, from a compiled function."""
    run = compiled(
        lambda seed: dynamics.paths(component, B, T, controls, seed), jit_compile=jit_compile
    )
    return run(random.as_seed(3))


def value(component, controls, draws):
    """A number that depends on all parameters."""
    if tf.nest.flatten(draws.innovations):
        return tf.reduce_sum(dynamics.paths_log_prob(component, draws, controls))
    return tf.reduce_sum(dynamics.paths(component, B, T, controls).states ** 2)


def test_eager_graph_and_xla_agree(case):
    component, controls = case
    # XLA's generator gives other bits, so both score its draws.
    draws = drawn(component, controls, jit_compile=True)
    expected = value(component, controls, draws)
    assert np.isfinite(expected)
    for jit_compile in (False, True):
        score = compiled(lambda: value(component, controls, draws), jit_compile=jit_compile)
        np.testing.assert_allclose(score(), expected, rtol=1e-9)
    eager = dynamics.paths(component, B, T, controls, 3)
    graph = drawn(component, controls)
    tf.nest.map_structure(
        lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-9), eager, graph
    )


def test_gradients_are_finite_differences(case):
    component, controls = case
    draws = drawn(component, controls)
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


def test_the_dtype_reaches_the_components_inside():
    component = dynamics.Where(dynamics.Restart(dynamics.History(2)), dynamics.History(2))
    component = component.replaced(dtype=tf.float64)
    assert component.then.component.dtype == component.otherwise.dtype == tf.float64
