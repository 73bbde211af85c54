import numpy as np
import tensorflow as tf

from recsim_tf.agents.bandits.conversational import Ridge
from recsim_tf.agents.bandits.conversational.ridge import squared_norms

NUM_USERS, NUM_FEATURES, NUM_OBSERVATIONS = 3, 4, 30


def test_one_observation_at_a_time_gives_the_regression_of_all():
    generator = np.random.default_rng(0)
    features = generator.normal(size=[NUM_OBSERVATIONS, NUM_USERS, NUM_FEATURES])
    targets = generator.normal(size=[NUM_OBSERVATIONS, NUM_USERS])
    weights = generator.uniform(size=[NUM_OBSERVATIONS, NUM_USERS]).round(1)
    ridge = Ridge.prior(NUM_USERS, NUM_FEATURES, 0.5, tf.float64)
    for observation in zip(features, targets, weights, strict=True):
        ridge = ridge.observe(*map(tf.constant, observation))
    for user in range(NUM_USERS):
        x, y, w = features[:, user], targets[:, user], weights[:, user]
        precision = 0.5 * np.eye(NUM_FEATURES) + x.T @ (w[:, np.newaxis] * x)
        np.testing.assert_allclose(ridge.inverse[user], np.linalg.inv(precision))
        np.testing.assert_allclose(ridge.mean()[user], np.linalg.solve(precision, x.T @ (w * y)))


def test_no_features_or_no_weight_are_no_observation():
    prior = Ridge.prior(2, 2, 2.0, tf.float32)
    features = tf.constant([[0.0, 0.0], [1.0, 3.0]])
    after = prior.observe(features, tf.ones([2]), tf.constant([1.0, 0.0]))
    for leaf, expected in zip(after, prior, strict=True):
        np.testing.assert_array_equal(leaf, expected)


def test_squared_norms_are_those_of_the_inverse_and_never_negative():
    inverse = tf.constant([[[2.0, 1.0], [1.0, 3.0]]])
    vectors = tf.constant([[[1.0, 0.0], [1.0, -1.0]]])
    np.testing.assert_allclose(squared_norms(vectors, inverse), [[2.0, 3.0]])
    np.testing.assert_array_equal(squared_norms(vectors, -inverse), [[0.0, 0.0]])
