# SPDX-License-Identifier: Apache-2.0
"""What holds for every estimator: its mean, its weights, and what it may not depend on."""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf import logs, ope
from recsim_tf.agents.shared.slate_table import all_slates
from recsim_tf.core.runs.execution import compiled
from recsim_tf.logs.densities import densities
from recsim_tf.ope.estimators import READS, Values, terms
from recsim_tf.ope.sample import gather
from tests.ope.worlds import CLICKS, log_of_clicks, log_of_leavers, near
from tests.processes import run_python

WEIGHTED = [name for name, one in ope.PRESETS.items() if one.is_weighted and one.model == "none"]


def first_and_own(observation):
    """The reward of the third position depends on its item and on the first one."""
    reads = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 1]], bool)
    return tf.tile(reads[np.newaxis], [tf.shape(observation.user)[0], 1, 1])


def nearness(observation):
    """Cells of users."""
    return tf.cast(observation.user * 4, tf.int32)


def sample_of(policy, log, gamma=1.0, logging=None, estimators=()):
    estimators = estimators or [ope.PRESETS[name] for name in WEIGHTED]
    return gather(policy, log, estimators, gamma, logging)


def values(sample, name):
    return sample.session_values(ope.PRESETS[name])


@pytest.mark.slow
def test_the_value_of_the_logging_policy_is_the_log_mean():
    log = log_of_leavers()
    assert 0.1 < log.active.mean() < 0.9
    policy = near(1.0, 2)
    expected = np.where(log.active, log.reward.sum(2), 0).sum(1).mean()
    estimators = [ope.PRESETS[name] for name in WEIGHTED] + [
        ope.Estimator(lambda seen: tf.linalg.diag(tf.ones_like(seen.documents[:, :2], bool))),
        ope.Estimator(steps=lambda seen: tf.cast(10 * seen.documents[:, 0], tf.int32)),
    ]
    sample = sample_of(policy, log, 1.0, policy, estimators)
    for one in estimators:
        np.testing.assert_allclose(sample.session_values(one).mean(), expected, rtol=1e-6)


def log_of_slates(slates):
    """A log of one user who is shown each slate once."""
    number = len(slates)
    observation = CLICKS.observe(CLICKS.reset(1, 0))
    return logs.Log(
        length=np.ones(number, np.int32),
        slate=slates[:, np.newaxis],
        reward=np.zeros([number, 1, 3]),
        observation=tf.nest.map_structure(
            lambda leaf: np.repeat(leaf.numpy(), number, 0)[:, np.newaxis], observation
        ),
    )


@pytest.mark.slow
def test_the_mean_of_every_weight_is_one_over_all_slates():
    log, policy = log_of_slates(all_slates(6, 3)), near(0.7)
    log = log._replace(propensity=densities(policy)(log))
    probs = np.exp(log.propensity.slate)[:, 0]
    estimators = [*(ope.Estimator(one) for one in READS), ope.Estimator(first_and_own)]
    found = sample_of(near(4.0), log, 1.0, policy, estimators).read
    assert found.keys() >= {*READS, str(first_and_own)}
    for name, weights in found.items():
        np.testing.assert_allclose(np.tensordot(probs, weights[:, 0], [0, 0]), 1, atol=3e-6), name


@pytest.mark.slow
def test_sessions_may_come_in_any_order_and_in_pieces():
    log, policy = log_of_leavers(), near(2.0, 2)

    class Pieces:
        def pieces(self):
            return (log.take(slice(start, start + 150)) for start in (0, 150))

    shuffled = np.random.default_rng(0).permutation(300)
    whole, pieces, other = (
        sample_of(policy, each, 0.9, near(1.0, 2)) for each in (log, Pieces(), log.take(shuffled))
    )
    for name in WEIGHTED:
        found = values(whole, name)
        np.testing.assert_allclose(values(pieces, name), found, rtol=1e-6, atol=1e-12)
        np.testing.assert_allclose(values(other, name), found[shuffled], rtol=1e-6, atol=1e-12)


@pytest.mark.slow
def test_estimates_are_unbiased_where_users_choose_one_document():
    target = near(3.0)
    names = ("ips", "snips", "set_ips", "snset_ips")
    estimators = [ope.PRESETS[name] for name in names]
    sample = gather(target, log_of_clicks(num_sessions=10_000), estimators)
    truth = CLICKS.rollout(target, 40_000, 1, seed=9).transitions.reward.numpy()
    for name in names:
        found = values(sample, name)
        error = np.hypot(found.std() / np.sqrt(len(found)), truth.std() / 200)
        assert abs(found.mean() - truth.mean()) <= 4 * error


@pytest.mark.slow
def test_the_session_values_of_a_ratio_have_its_variance():
    """Against the bootstrap, which is of other assumptions."""
    estimator, rng = ope.PRESETS["snips"], np.random.default_rng(0)
    sample = gather(near(3.0), log_of_clicks(), [estimator])
    found = sample.session_values(estimator)
    draws = []
    for _ in range(400):
        rows = rng.integers(len(found), size=len(found))
        drawn = tf.nest.map_structure(lambda leaf, rows=rows: leaf[rows], sample)
        draws.append(drawn.session_values(estimator).mean())
    assert np.std(draws) == pytest.approx(found.std() / np.sqrt(len(found)), rel=0.15)


@pytest.mark.slow
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


@pytest.mark.parametrize("has_cells", [False, True])
def test_long_products_are_those_of_a_loop_and_have_a_bound(has_cells):
    rng = np.random.default_rng(0)
    weights = rng.lognormal(sigma=3.0, size=[40, 300]) * rng.binomial(1, 0.995, [40, 300])
    cells, rewards = rng.integers(3, size=[40, 300]), np.ones([40, 300, 1])
    expected, until = np.empty_like(weights), np.ones(40)
    for step in range(300):
        if has_cells:
            of_step = cells[:, step]
            until = (np.bincount(of_step, until) / np.bincount(of_step))[of_step]
        expected[:, step] = until * weights[:, step]
        until = np.minimum(expected[:, step], 1e35)
    assert (expected > 1e35).any()
    read = {"slate": weights, str(nearness): cells.astype(np.int32)}
    estimator = ope.Estimator(steps=nearness) if has_cells else ope.Estimator()
    found = terms(estimator, read, rewards, rewards[..., 0])
    np.testing.assert_allclose(found.weights, expected, rtol=1e-9)


def offer(observation):
    """Cells of what is offered, which is new in each step."""
    return tf.cast(4 * observation.documents[:, 0], tf.int32)


@pytest.mark.slow
def test_cells_are_those_of_each_step_and_who_is_gone_has_one_of_his_own():
    log = log_of_leavers()
    estimator = ope.Estimator(steps=offer)
    sample = gather(near(3.0, 2), log, [estimator], 1.0)
    weights, before = sample.read["slate"], np.ones(300)
    assert (~log.active[:, 1:]).any()
    expected = np.empty_like(weights)
    for step in range(4):
        here = np.floor(4 * log.observation.documents[:, step, 0])
        cells = np.where(log.active[:, step], here, -1)
        if step:
            means = {cell: before[cells == cell].mean() for cell in np.unique(cells)}
            before = np.array([means[cell] for cell in cells])
        expected[:, step] = before * weights[:, step]
        before = expected[:, step]
    products = sample.terms(estimator).weights
    np.testing.assert_allclose(products, expected, rtol=1e-5)


def test_a_product_has_a_gradient_also_where_a_weight_is_zero():
    weights, rewards = tf.Variable([[0.0, 2, 3], [1, 2, 3]], dtype=tf.float64), np.ones([2, 3, 1])
    with tf.GradientTape() as tape:
        found = terms(ope.Estimator(), {"slate": weights}, rewards, rewards[..., 0])
        total = tf.reduce_sum(found.weights)
    np.testing.assert_allclose(tape.gradient(total, weights), [[9, 0, 0], [9, 4, 2]])


@pytest.mark.slow
def test_the_value_has_the_gradient_of_reinforce_with_importance_weights():
    log, sharpness = log_of_clicks(), tf.Variable(2.0)
    policy = near(sharpness)
    observation, slate = tf.nest.map_structure(
        lambda leaf: leaf[:, 0], (log.observation, log.slate)
    )
    with tf.GradientTape() as tape:
        value = ope.value(policy, log, "ips")
    found = tape.gradient(value, sharpness)
    with tf.GradientTape() as tape:
        log_prob = policy.log_prob(observation, slate)
        weights = tf.stop_gradient(tf.exp(log_prob - log.propensity.slate[:, 0]))
        reinforce = tf.reduce_mean(weights * log.reward.sum(2)[:, 0] * log_prob)
    np.testing.assert_allclose(found, tape.gradient(reinforce, sharpness), rtol=1e-5)
    expected = ope.evaluate(policy, log, ["ips"])["ips"].value
    assert float(value) == pytest.approx(expected, rel=1e-6)


def test_means_of_a_model_have_the_bent_weights_of_the_steps_before():
    """The first mean counts fully: before the first slate there is nothing to weight. The weights
    of steps are 4 and 1, and 0.5 and 3.
    """
    read = {"slate": np.array([[4.0, 1.0], [0.5, 3.0]])}
    ones = np.ones([2, 2, 1])
    for weights, of_rewards, of_means in (
        (ope.Weights(), [[4, 4], [0.5, 1.5]], [[1, 4], [1, 0.5]]),
        (ope.Weights(cap=2.0), [[2, 2], [0.5, 1.5]], [[1, 2], [1, 0.5]]),
        (ope.Weights(switch=2.0), [[0, 0], [0.5, 1.5]], [[1, 0], [1, 0.5]]),
        (
            ope.Weights(shrinkage=1.0),
            [[4 / 17, 4 / 17], [0.4, 1.5 / 3.25]],
            [[1, 4 / 17], [1, 0.4]],
        ),
    ):
        estimator = ope.Estimator(model="baseline", weights=weights)
        parts = terms(estimator, read, ones, ones[..., 0], Values(0.25 * ones, 0.5 * ones))
        np.testing.assert_allclose(parts.weights, np.concatenate([of_rewards, of_means], axis=1))
        np.testing.assert_allclose(parts.values, [[0.75, 0.75, 0.5, 0.5]] * 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sntis", "snrips", "wpi", "cells"])
def test_a_gradient_is_the_slope_of_the_value_also_of_batches_of_tensors(name):
    cells = ope.Estimator(steps=lambda seen: tf.cast(10 * seen.documents[:, 0], tf.int32))
    estimator, sharpness = ope.PRESETS.get(name, cells), tf.Variable(2.0)

    @compiled
    def slope(log):
        with tf.GradientTape() as tape:
            found = ope.value(near(sharpness, 2), log, estimator, 0.9, near(1.0, 2))
        return found, tape.gradient(found, sharpness)

    log = tf.nest.map_structure(tf.convert_to_tensor, log_of_leavers())
    gradient = slope(log)[1]
    sharpness.assign(2.02)
    above = slope(log)[0]
    sharpness.assign(1.98)
    np.testing.assert_allclose((above - slope(log)[0]) / 0.04, gradient, rtol=2e-3)


@pytest.mark.slow
def test_agents_import_their_weights_without_the_libraries_of_fits():
    code = (
        "import sys; sys.modules['pandas'] = sys.modules['pyarrow'] = None;"
        " import recsim_tf.agents.reinforce"
    )
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr
