"""What holds for every estimator: its mean, its weights, and what it may not depend on."""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf import ope
from recsim_tf.agents.shared.slate_table import all_slates
from recsim_tf.ope.densities import densities
from recsim_tf.ope.estimators import terms
from recsim_tf.ope.sample import gather
from tests.ope.worlds import CLICKS, log_of_clicks, log_of_leavers, near
from tests.refusals import assert_refused

WEIGHTED = [name for name, one in ope.PRESETS.items() if one.model == "none"]


def sample_of(policy, log, gamma=1.0):
    return gather(policy, log, ope.SlateLogProbs._fields, gamma)


def values(sample, name):
    return sample.session_values(ope.PRESETS[name])


def test_the_value_of_the_logging_policy_is_the_log_mean():
    log = log_of_leavers()
    assert 0.1 < log.active.mean() < 0.9
    sample = sample_of(near(1.0, 2), log)
    expected = np.where(log.active, log.reward.sum(2), 0).sum(1).mean()
    for name in WEIGHTED:
        np.testing.assert_allclose(values(sample, name).mean(), expected, rtol=1e-6)


def test_the_mean_of_every_weight_is_one_over_all_slates():
    slates = np.asarray(all_slates(6, 3))
    number = len(slates)
    observation = CLICKS.observe(CLICKS.reset(1, 0))
    log = ope.Log(
        slate=slates[:, np.newaxis],
        reward=np.zeros([number, 1, 1]),
        active=np.ones([number, 1], bool),
        observation=tf.nest.map_structure(
            lambda leaf: np.repeat(leaf.numpy(), number, 0)[:, np.newaxis], observation
        ),
    )
    logging, target = (densities(near(sharpness))(log) for sharpness in (0.7, 4.0))
    probs = np.exp(logging.slate)[:, 0]
    for name in ope.SlateLogProbs._fields:
        weights = np.exp(getattr(target, name) - getattr(logging, name))[:, 0]
        np.testing.assert_allclose(np.tensordot(probs, weights, [0, 0]), 1, atol=2e-6)


def test_sessions_may_come_in_any_order_and_in_pieces():
    log, policy = log_of_leavers(), near(2.0, 2)

    class Pieces:
        def pieces(self):
            return (log.take(slice(start, start + 150)) for start in (0, 150))

    shuffled = np.random.default_rng(0).permutation(300)
    whole, pieces, other = (
        sample_of(policy, each, gamma=0.9) for each in (log, Pieces(), log.take(shuffled))
    )
    for name in WEIGHTED:
        found = values(whole, name)
        np.testing.assert_allclose(values(pieces, name), found, rtol=1e-6)
        np.testing.assert_allclose(values(other, name), found[shuffled], rtol=1e-6)


def test_estimates_are_unbiased_where_users_choose_one_document():
    target = near(3.0)
    names = ("slate", "set")
    sample = gather(target, log_of_clicks(num_sessions=10_000), names, 1.0)
    truth = CLICKS.rollout(target, 40_000, 1, seed=9).transitions.reward.numpy()
    for name in ("ips", "snips", "set_ips", "snset_ips"):
        found = values(sample, name)
        error = np.hypot(found.std() / np.sqrt(len(found)), truth.std() / 200)
        assert abs(found.mean() - truth.mean()) <= 4 * error


def test_the_session_values_of_a_ratio_have_its_variance():
    """Against the bootstrap, which is of other assumptions."""
    sample = gather(near(3.0), log_of_clicks(), ("slate",), 1.0)
    estimator, rng = ope.PRESETS["snips"], np.random.default_rng(0)
    found = sample.session_values(estimator)
    draws = []
    for _ in range(400):
        rows = rng.integers(len(found), size=len(found))
        drawn = tf.nest.map_structure(lambda leaf, rows=rows: leaf[rows], sample)
        draws.append(drawn.session_values(estimator).mean())
    assert np.std(draws) == pytest.approx(found.std() / np.sqrt(len(found)), rel=0.15)


def test_a_session_that_is_over_keeps_its_weight_and_earns_nothing():
    log = log_of_leavers()
    ended = np.flatnonzero(~log.active[:, -1])
    garbage = log.slate.copy()
    garbage[ended, -1] = -1
    reward = log.reward.copy()
    reward[ended, -1] = np.nan
    spoiled = log._replace(slate=garbage, reward=reward)
    for name in ("ips", "sniips"):
        found, expected = (values(sample_of(near(2.0, 2), each), name) for each in (spoiled, log))
        np.testing.assert_array_equal(found, expected)


def test_the_value_has_the_gradient_of_reinforce_with_importance_weights():
    log = log_of_clicks()
    sharpness = tf.Variable(2.0)
    observation, slate = tf.nest.map_structure(
        lambda leaf: leaf[:, 0], (log.observation, log.slate)
    )
    reward = log.reward.sum(2)[:, 0]
    with tf.GradientTape(persistent=True) as tape:
        log_prob = tf.cast(near(sharpness).decide(observation, ())[0].log_prob(slate), tf.float64)
        ratios = ope.SlateLogProbs(slate=log_prob[:, tf.newaxis] - log.logging.slate)
        found = terms(ope.PRESETS["ips"], ratios, log.reward.astype(float), np.ones([1000, 1]))
        value = tf.reduce_mean(found.session_values(normalize=False))
        weights = tf.stop_gradient(tf.exp(ratios.slate[:, 0]))
        reinforce = tf.reduce_mean(weights * reward * log_prob)
    np.testing.assert_allclose(
        tape.gradient(value, sharpness), tape.gradient(reinforce, sharpness), rtol=1e-6
    )


def test_what_an_estimator_cannot_be_is_said_in_one_line():
    for call, message in (
        (lambda: ope.Weights(cap=0), "cap must be above 0 or None, got 0"),
        (lambda: ope.Estimator("page"), "reads must be one of slate, set, prefix, position, got"),
        (
            lambda: ope.Estimator(steps="all"),
            "steps must be one of decision, trajectory, got 'all'",
        ),
        (lambda: ope.Estimator(model="q"), "model must be one of none, baseline, alone, differ"),
        (lambda: ope.Estimator(weights=2), "weights must be a Weights, got int"),
        (
            lambda: ope.Estimator("set", "trajectory"),
            'steps must be "decision" where a model is subtracted or less than slates is read',
        ),
        (
            lambda: ope.Estimator("position", model="baseline"),
            'reads must be slate, set or prefix with model="baseline"',
        ),
    ):
        assert_refused(call, message)
