# SPDX-License-Identifier: Apache-2.0
"""Weights that need all slates of the logging policy."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf import ope
from recsim_tf.agents.shared.slate_table import all_slates
from recsim_tf.core.distributions import PlackettLuce
from recsim_tf.ope import pseudo_inverse
from recsim_tf.ope.pseudo_inverse import linear_weights, subset_log_probs
from tests.ope.test_estimators import first_and_own, nearness
from tests.ope.worlds import CLICKS, log_of_clicks, near
from tests.refusals import assert_refused

SEED = tf.constant([0, 1])
SLATES = np.asarray(all_slates(5, 3))
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=[2, 1, 5])


def plackett_luce(logits, slates=SLATES, mask=None):
    """A distribution for each slate."""
    logits = tf.constant(np.repeat(logits, len(slates), 0))
    return PlackettLuce(logits, slates.shape[1], mask)


def indicators(slates, number):
    return np.eye(number + 1)[slates][..., :number].reshape(len(slates), -1)


def by_pinv(target, logging, slates, number):
    """Weights of all slates by their definition."""
    shown = indicators(slates, number)
    of_target, of_logging = (
        np.exp(one.log_prob(slates))[:, np.newaxis] for one in (target, logging)
    )
    gamma = shown.T @ (of_logging * shown)
    return shown @ np.linalg.pinv(gamma, rcond=1e-9) @ (of_target * shown).sum(0), gamma


def test_the_weights_are_those_of_the_pseudo_inverse():
    target, logging = (plackett_luce(each) for each in LOGITS)
    expected, gamma = by_pinv(target, logging, SLATES, 5)
    assert np.linalg.matrix_rank(gamma, tol=1e-9) == 3 * 5 - 3 + 1
    found = linear_weights(target, logging, tf.constant(SLATES), SEED)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_weights_are_exact_for_rewards_that_are_sums_over_positions():
    """Their mean over all logged slates is the value, whatever items earn at positions."""
    target, logging = (plackett_luce(each) for each in LOGITS)
    earned = indicators(SLATES, 5) @ RNG.normal(size=15)
    weights = linear_weights(target, logging, tf.constant(SLATES), SEED).numpy()
    probs, expected = np.exp(logging.log_prob(SLATES)), np.exp(target.log_prob(SLATES)) @ earned
    assert probs @ (weights * earned) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("slates", "mask"),
    [
        (np.asarray(all_slates(4, 4)), None),
        (np.int32([[0, 1, -1], [1, 0, -1]]), np.array([[True, True, False, False]] * 2)),
    ],
)
def test_slates_may_hold_all_candidates_or_be_short(slates, mask):
    target, logging = (plackett_luce(each[:, :4], slates, mask) for each in LOGITS)
    expected, _ = by_pinv(target, logging, slates, 4)
    found = linear_weights(target, logging, tf.constant(slates), SEED)
    np.testing.assert_allclose(found, expected, atol=1e-6)


ANY_LENGTH = np.int32(
    [
        [*slate, *[-1] * (3 - length)]
        for length in range(4)
        for slate in itertools.permutations(range(3), length)
    ]
)


class SlatesOfAnyLength:
    """Each of `ANY_LENGTH` with a probability, for as many contexts."""

    def __init__(self, probs):
        self.probs = tf.constant(probs)

    def marginals(self):
        shown = tf.one_hot(ANY_LENGTH, 3, dtype=tf.float64)
        return tf.repeat(tf.einsum("m,mkn->kn", self.probs, shown)[tf.newaxis], 16, axis=0)

    def log_prob(self, slate):
        same = tf.reduce_all(slate[..., tf.newaxis, :] == ANY_LENGTH, axis=-1)
        return tf.math.log(tf.reduce_sum(tf.where(same, self.probs, 0), axis=-1))

    def prefix_log_probs(self, slate):
        """Of whole slates, at the last position."""
        return tf.tile(self.log_prob(slate)[..., tf.newaxis], [1, 16, 3])

    def sample(self, number, seed):
        logits = tf.repeat(tf.math.log(self.probs)[tf.newaxis], 16, axis=0)
        drawn = tf.random.stateless_categorical(logits, number, seed)
        return tf.gather(ANY_LENGTH, tf.transpose(drawn))


@pytest.mark.parametrize(("most_slates", "rtol", "atol"), [(5000, 1e-6, 1e-6), (0, 0.1, 0.05)])
def test_an_empty_position_earns_and_weighs_nothing(most_slates, rtol, atol, monkeypatch):
    """Also where slates are drawn, and where all positions are empty."""
    monkeypatch.setattr(pseudo_inverse, "_MOST_SLATES", most_slates)
    probs = np.random.default_rng(0).dirichlet(np.full(16, 5.0), size=2)
    target, logging = (SlatesOfAnyLength(each) for each in probs)
    expected, _ = by_pinv(target, logging, ANY_LENGTH, 3)
    weights = linear_weights(target, logging, tf.constant(ANY_LENGTH), SEED).numpy()
    np.testing.assert_allclose(weights, expected, rtol=rtol, atol=atol)
    assert weights[0] == 0
    earned = indicators(ANY_LENGTH, 3) @ np.arange(1.0, 10)
    assert probs[1] @ (weights * earned) == pytest.approx(probs[0] @ earned, rel=rtol)


class ProductSlates:
    """Items of positions that are drawn one by one, and may repeat."""

    def __init__(self, probs):
        self.probs = tf.constant(probs)  # [B, K, N]

    def marginals(self):
        return self.probs

    def prefix_log_probs(self, slate):
        return tf.cumsum(tf.math.log(tf.gather(self.probs, slate, batch_dims=2)), axis=-1)

    def sample(self, number, seed):
        batch, size, count = self.probs.shape
        drawn = tf.random.stateless_categorical(
            tf.math.log(tf.reshape(self.probs, [-1, count])), number, seed, tf.int32
        )
        return tf.transpose(tf.reshape(drawn, [batch, size, number]), [2, 0, 1])


def test_product_slates_of_a_uniform_log_are_weighed_by_matches(monkeypatch):
    """1 - K + N times the matches (Swaminathan et al. 2017); here by draws."""
    monkeypatch.setattr(pseudo_inverse, "_MOST_SLATES", 0)
    slates = np.array([*itertools.product(range(4), repeat=2)], np.int32)
    logging = ProductSlates(np.full([16, 2, 4], 0.25))
    target = ProductSlates(np.tile(np.eye(4)[[1, 3]], [16, 1, 1]))
    found = linear_weights(target, logging, tf.constant(slates), SEED)
    expected = 1 - 2 + 4 * (slates == [1, 3]).sum(1)
    np.testing.assert_allclose(found, expected, atol=0.15)


def test_draws_of_slates_give_the_weights_up_to_their_noise(monkeypatch):
    target, logging = (plackett_luce(each) for each in LOGITS)
    expected = linear_weights(target, logging, tf.constant(SLATES), SEED)
    monkeypatch.setattr(pseudo_inverse, "_MOST_SLATES", 0)
    found = linear_weights(target, logging, tf.constant(SLATES), SEED)
    np.testing.assert_allclose(found, expected, rtol=0.2, atol=0.1)
    assert np.abs(found - expected).max() > 0


def test_some_positions_have_the_probability_of_all_slates_that_agree():
    distribution, slates = plackett_luce(LOGITS[0]), SLATES
    probs = np.exp(distribution.log_prob(slates))
    for own in itertools.product([False, True], repeat=3):
        reads = np.tile(np.array(own)[np.newaxis, np.newaxis], [len(slates), 3, 1])
        found = np.exp(subset_log_probs(distribution, tf.constant(slates), tf.constant(reads)))
        agree = ((slates[:, np.newaxis] == slates) | ~np.array(own)).all(2)
        np.testing.assert_allclose(found[:, 0], agree @ probs, rtol=1e-6)


@pytest.mark.slow
def test_where_there_are_many_slates_the_first_positions_and_single_ones_are_exact(monkeypatch):
    distribution, slates = plackett_luce(LOGITS[0]), tf.constant(SLATES)
    reads = tf.constant(np.tile([[1, 0, 0], [0, 1, 0], [1, 1, 1]], [len(SLATES), 1, 1]) > 0)
    expected = subset_log_probs(distribution, slates, reads)
    monkeypatch.setattr(pseudo_inverse, "_MOST_SLATES", 0)
    np.testing.assert_array_equal(subset_log_probs(distribution, slates, reads), expected)
    others = ope.Estimator(first_and_own)
    assert_refused(
        lambda: ope.evaluate(near(2.0), log_of_clicks(), {"a": others}, logging=near(1.0)),
        "logging must show slates without repetition for .*, and at most 5,000 different slates",
    )


@pytest.mark.slow
def test_a_function_may_read_what_the_named_readings_do():
    log, policy = log_of_clicks(), near(3.0)
    prefixes, alone = np.tri(3, dtype=bool), np.eye(3, dtype=bool)
    read = {
        name: ope.Estimator(
            lambda seen, reads=reads: tf.tile(reads[np.newaxis], [tf.shape(seen.user)[0], 1, 1])
        )
        for name, reads in (("rips", prefixes), ("iips", alone))
    }
    found = ope.evaluate(policy, log, read, logging=near(1.0))
    expected = ope.evaluate(policy, log, list(read))
    for name, one in found.items():
        assert one.value == pytest.approx(expected[name].value, rel=1e-5)


@pytest.mark.slow
def test_the_pseudo_inverse_and_a_model_are_right_where_positions_add_up():
    """Users who choose one of a slate do not; the model takes the rest."""
    target = near(3.0)
    truth = ope.truth(CLICKS, target, 1, 100_000, seed=5)
    log = log_of_clicks(num_sessions=4000)
    found = ope.evaluate(target, log, ["ips", "pi", "wpi", "pi_dr"], logging=near(1.0))
    assert found["pi"].standard_error < found["ips"].standard_error
    assert abs(found["pi_dr"].value - truth.value) <= 4 * found["pi_dr"].standard_error
    assert found["wpi"].value == pytest.approx(truth.value, rel=0.05)


@pytest.mark.slow
def test_means_in_cells_have_less_noise_than_products_over_steps():
    """The users' tastes do not change, so cells of them say all of a state."""
    target, log = near(2.0), log_of_clicks(num_sessions=2000, num_steps=10)
    truth = ope.truth(CLICKS, target, 10, 50_000, seed=5)
    estimators = {
        "snips": ope.PRESETS["snips"],
        "step": ope.PRESETS["snstep_ips"],
        "cells": ope.Estimator(steps=nearness, normalize=True),
    }
    found = ope.evaluate(target, log, estimators)
    for name in ("step", "cells"):
        assert found[name].standard_error < 0.6 * found["snips"].standard_error
        assert abs(found[name].value - truth.value) <= 4 * found[name].standard_error
