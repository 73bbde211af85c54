# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.choice import MultinomialLogit, PlackettLuce
from recsim_tf.core import random

SCORES = tf.constant([[1.0, 0.0, -1.0]])


def test_two_choices_with_none_have_the_log_probability_of_recsim_ngs_iterated_logit():
    distribution = PlackettLuce(2, no_click_mass=0.5)(SCORES)
    np.testing.assert_allclose(distribution.log_prob([[0, 1]]), [-1.850698], rtol=1e-6)


def test_the_first_choice_is_a_multinomial_logit():
    first = PlackettLuce(1, no_click_mass=0.5)(SCORES).log_prob(
        np.arange(4)[:, np.newaxis, np.newaxis]
    )
    logit = MultinomialLogit(no_click_mass=0.5)(SCORES)
    np.testing.assert_allclose(first, logit.log_prob(np.arange(4)[:, np.newaxis]), rtol=1e-6)
    np.testing.assert_allclose(
        np.exp(first[:, 0]), [0.473991, 0.174371, 0.064148, 0.287490], atol=1e-6
    )


@pytest.mark.parametrize("mass", [-np.inf, tf.constant(-np.inf), tf.constant([-np.inf, -np.inf])])
def test_without_a_mass_none_is_never_drawn_nor_an_empty_position(mass):
    mask = tf.constant([[True, True, False], [False, True, True]])
    distribution = PlackettLuce(2, no_click_mass=mass)(tf.tile(SCORES, [2, 1]), mask)
    np.testing.assert_array_equal(
        np.sort(random.sample(distribution, random.as_seed(1)), axis=1), [[0, 1], [1, 2]]
    )
    total = np.exp(distribution.log_prob([[0, 1], [1, 2]])) + np.exp(
        distribution.log_prob([[1, 0], [2, 1]])
    )
    np.testing.assert_allclose(total, 1.0, rtol=1e-6)


def test_the_mass_of_none_has_a_gradient():
    mass = tf.Variable(0.5)
    with tf.GradientTape() as tape:
        log_prob = PlackettLuce(2, no_click_mass=mass)(SCORES).log_prob([[0, 3]])
    # d/dm of m - log(e^0 + e^-1 + e^m) - log(e^1 + e^0 + e^-1 + e^m).
    weight, rest = np.exp(0.5), np.exp(0.0) + np.exp(-1.0)
    expected = 1 - weight / (rest + weight) - weight / (rest + np.e + weight)
    np.testing.assert_allclose(tape.gradient(log_prob, mass), expected, rtol=1e-5)
