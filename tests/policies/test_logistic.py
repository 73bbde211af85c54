import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.policies.logistic import fit_logistic, glm_thompson, ucb_glm, ucb_glm_radius

NUM_OBSERVATIONS = (0, 10, 11, 25, 40)
DIM = 3


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def histories():
    """Features, rewards and mask of five users; masked entries hold what must not be read."""
    generator = np.random.default_rng(0)
    shape = (len(NUM_OBSERVATIONS), max(NUM_OBSERVATIONS))
    features = generator.normal(size=(*shape, DIM))
    rewards = (generator.uniform(size=shape) < sigmoid(features @ [1.5, -1.0, 0.3])).astype(
        np.float64
    )
    mask = np.arange(shape[1]) < np.array(NUM_OBSERVATIONS)[:, np.newaxis]
    return np.where(mask[..., np.newaxis], features, np.nan), np.where(mask, rewards, np.nan), mask


def reference_fit(features, rewards, sigma0, num_iterations=20, tolerance=1e-3):
    """One user's fit as RecSim 0.2.4 describes it."""
    weights, precision = np.zeros(DIM), np.eye(DIM) / sigma0**2
    if len(rewards) <= 10:
        return weights, precision
    for _ in range(num_iterations):
        mean = sigmoid(features @ weights)
        spread = np.diag(mean * (1 - mean))
        precision = features.T @ spread @ features + np.eye(DIM) / sigma0**2
        previous = weights
        weights = np.linalg.solve(
            precision, features.T @ (spread @ features @ weights - (mean - rewards))
        )
        if np.linalg.norm(weights - previous) < tolerance:
            break
    return weights, precision


@pytest.mark.parametrize(
    ("dtype", "tolerance", "jit_compile"), [(tf.float64, 1e-9, False), (tf.float32, 2e-4, True)]
)
def test_the_fit_is_that_of_iterated_least_squares(dtype, tolerance, jit_compile):
    features, rewards, mask = histories()

    @tf.function(jit_compile=jit_compile, autograph=False)
    def fit():
        return fit_logistic(
            tf.constant(features, dtype), tf.constant(rewards, dtype), tf.constant(mask), sigma0=2.0
        )

    weights, precision = fit()
    for user, count in enumerate(NUM_OBSERVATIONS):
        expected = reference_fit(features[user, :count], rewards[user, :count], sigma0=2.0)
        np.testing.assert_allclose(weights[user], expected[0], rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(precision[user], expected[1], rtol=tolerance, atol=tolerance)


def test_the_radius_of_ucb_glm_is_that_of_recsim():
    assert ucb_glm_radius(3, 100) == pytest.approx(6.611221, abs=1e-6)
    assert ucb_glm_radius(3, 100, optimism_scaling=0.5) == pytest.approx(6.611221 / 2, abs=1e-6)
    with pytest.raises(ValueError, match="horizon must be at least 1, got 0"):
        ucb_glm_radius(3, 0)


def test_ucb_glm_adds_the_radius_to_the_predicted_logit():
    features, rewards, mask = histories()
    arms = np.random.default_rng(1).normal(size=(len(NUM_OBSERVATIONS), 4, DIM))
    scores = ucb_glm(
        tf.constant(features),
        tf.constant(rewards),
        tf.constant(mask),
        tf.constant(arms),
        horizon=100,
        sigma0=2.0,
    )
    for user, count in enumerate(NUM_OBSERVATIONS):
        x = features[user, :count]
        weights, _ = reference_fit(x, rewards[user, :count], sigma0=2.0)
        inverse = np.linalg.inv(x.T @ x + np.eye(DIM) / 4)
        width = np.sqrt(np.einsum("ad,de,ae->a", arms[user], inverse, arms[user]))
        np.testing.assert_allclose(
            scores[user], arms[user] @ weights + ucb_glm_radius(3, 100) * width, rtol=1e-9
        )


def test_glm_thompson_draws_have_the_moments_of_the_laplace_posterior():
    num_users, count = 20_000, NUM_OBSERVATIONS[-1]
    features, rewards, _ = (part[-1:] for part in histories())
    weights, precision = reference_fit(features[0], rewards[0], sigma0=2.0)
    repeated = [
        tf.constant(np.repeat(part.astype(np.float32), num_users, 0))
        for part in (features, rewards)
    ]
    arms = tf.eye(DIM, batch_shape=[num_users])
    mask = tf.ones([num_users, count], tf.bool)
    draws = glm_thompson(
        *repeated, mask, arms, random.as_seed(2), sigma0=2.0, optimism_scaling=0.5
    ).numpy()
    covariance = 0.25 * np.linalg.inv(precision)
    deviation = np.sqrt(np.diag(covariance))
    assert (np.abs(draws.mean(0) - weights) < 4 * deviation / np.sqrt(num_users)).all()
    # A covariance has a standard error of sqrt(c_ii c_jj + c_ij^2) / sqrt(n).
    error = np.sqrt((np.outer(deviation, deviation) ** 2 + covariance**2) / num_users)
    assert (np.abs(np.cov(draws.T) - covariance) < 4.5 * error).all()
