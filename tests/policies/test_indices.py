# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.runs.execution import compiled
from recsim_tf.policies.indices import (
    ALGORITHMS,
    bandit_algorithm,
    bernoulli_rewards,
    kl_ucb,
    thompson,
    thompson_posterior,
    ucb1,
)
from tests import golden


def batch(pulls, rewards, total, dtype=tf.float64):
    return tf.constant([pulls], dtype), tf.constant([rewards], dtype), tf.constant([total], dtype)


def divergence(p, q):
    terms = [0.0 if a == 0 else a * np.log(a / b) for a, b in ((p, q), (1 - p, 1 - q))]
    return sum(terms)


@pytest.mark.parametrize("record", golden.cases("bandit_scores"))
def test_ucb1_scores_and_posteriors_are_those_of_recsim(record):
    inputs, outputs = record["inputs"], record["outputs"]
    arguments = batch(inputs["pulls"], inputs["rewards"], inputs["t"])
    scores = ucb1(*arguments, inputs["optimism_scaling"])
    expected = [np.inf if score is None else score for score in outputs["ucb1_scores"]]
    np.testing.assert_allclose(scores, [expected], rtol=1e-12)
    assert np.argmax(scores) == outputs["ucb1_arm"]
    posterior = thompson_posterior(*arguments[:2], inputs["optimism_scaling"])
    np.testing.assert_allclose(posterior.concentration1, [outputs["thompson_beta_a"]], rtol=1e-12)
    np.testing.assert_allclose(posterior.concentration0, [outputs["thompson_beta_b"]], rtol=1e-12)


@pytest.mark.parametrize("algorithm", [ucb1, kl_ucb])
def test_arms_that_were_never_pulled_come_first(algorithm):
    pulls, rewards = (
        tf.constant([[0.0, 3.0, 0.0], [1.0, 3.0, 2.0]]),
        tf.constant([[0.0, 3.0, 0.0], [1.0, 3.0, 0.0]]),
    )
    scores = algorithm(pulls, rewards, tf.constant([3.0, 6.0])).numpy()
    assert scores[0].tolist() == [np.inf, 0.0, np.inf]
    assert np.isfinite(scores[1]).all()


# The first is RecSim's example, where it returns 0.99999 three times; the second is its unit test,
# which pins 0.5 - 2^-16.
@pytest.mark.parametrize(
    ("pulls", "rewards", "total", "expected"),
    [
        ([10, 20, 40], [3, 10, 30], 70, [0.8700, 0.8796, 0.9475]),
        ([10, 10], [0, 0], 20, [0.46673, 0.46673]),
    ],
)
def test_kl_ucb_is_the_bound_that_recsim_misses(pulls, rewards, total, expected):
    np.testing.assert_allclose(kl_ucb(*batch(pulls, rewards, total))[0], expected, atol=6e-5)


@pytest.mark.parametrize(("dtype", "tolerance"), [(tf.float32, 1e-4), (tf.float64, 1e-9)])
def test_kl_ucb_meets_its_bound_with_equality(dtype, tolerance):
    pulls, rewards = np.array([7.0, 50.0, 1e5, 3e5]), np.array([1.5, 49.0, 4e4, 100.0])
    total, scaling = pulls.sum(), 0.7
    upper = kl_ucb(*batch(pulls, rewards, total, dtype), scaling).numpy()[0].astype(np.float64)
    mean = (rewards / pulls).astype(dtype.as_numpy_dtype).astype(np.float64)
    bound = scaling**2 * (np.log(total) + 3 * np.log(np.log(total))) / pulls
    slope = (upper - mean) / (upper * (1 - upper))
    # The divergence may be off by the resolution of the score.
    error = np.array([divergence(p, q) for p, q in zip(mean, upper, strict=True)]) - bound
    assert (
        np.abs(error) <= tolerance * bound + 2 * np.finfo(dtype.as_numpy_dtype).eps * slope
    ).all()


@pytest.mark.parametrize("total", [1, 2])
def test_kl_ucb_is_the_mean_while_its_bound_is_not_positive(total):
    np.testing.assert_array_equal(kl_ucb(*batch([1, 1], [1, 0], total)), [[1.0, 0.0]])


def test_thompson_draws_have_the_moments_of_the_posterior():
    num_users = 40_000
    pulls, rewards = np.float32([[0, 10, 6.5]]), np.float32([[0, 3, 5.25]])
    draws = thompson(
        tf.constant(np.repeat(pulls, num_users, 0)),
        tf.constant(np.repeat(rewards, num_users, 0)),
        None,
        0.5,
        random.as_seed(3),
    ).numpy()
    posterior = thompson_posterior(
        tf.constant(pulls, tf.float64), tf.constant(rewards, tf.float64), 0.5
    )
    variance = posterior.variance().numpy()[0]
    assert np.abs(draws.mean(0) - posterior.mean().numpy()[0]).max() < 4 * np.sqrt(
        variance.max() / num_users
    )
    # Five standard errors of a variance, whose kurtosis is at most the normal's.
    np.testing.assert_allclose(draws.var(0), variance, rtol=5 * np.sqrt(2 / num_users))


def test_fractional_rewards_become_draws_of_the_same_mean():
    draws = bernoulli_rewards(tf.fill([20_000], 0.3), random.as_seed(0)).numpy()
    assert set(draws) == {0.0, 1.0}
    assert abs(draws.mean() - 0.3) < 4 * np.sqrt(0.21 / 20_000)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_algorithms_compile_to_the_same_scores(name):
    pulls, rewards = (
        tf.constant([[10.0, 20.0, 40.0], [1.0, 1.0, 0.0]]),
        tf.constant([[3.0, 10.0, 30.0], [1.0, 0.0, 0.0]]),
    )

    def scores(seed):
        return bandit_algorithm(name)(pulls, rewards, tf.reduce_sum(pulls, axis=-1), 0.8, seed)

    by_xla = compiled(scores, jit_compile=True)(random.as_seed(5))
    assert (by_xla.dtype, by_xla.shape) == (tf.float32, [2, 3])
    if name == "thompson":  # its bit generator is another one under XLA
        assert ((by_xla.numpy() > 0) & (by_xla.numpy() < 1)).all()
    else:
        np.testing.assert_allclose(by_xla, scores(random.as_seed(5)), rtol=1e-5)
