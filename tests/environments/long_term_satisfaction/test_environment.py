import numpy as np
import tensorflow as tf

import recsim_tf
from recsim_tf.core.execution import compiled
from recsim_tf.core.random import as_seed
from recsim_tf.environments.long_term_satisfaction import (
    LongTermSatisfactionUsers,
    long_term_satisfaction,
)
from tests.rollout_policies import first_positions, uniform_random


def test_defaults_are_those_of_the_recsim_factory():
    simulator = recsim_tf.make("LongTermSatisfaction-v1")
    state = simulator.reset(4, seed=0)
    observation = simulator.observe(state)
    assert (observation.user.shape, observation.documents.shape) == ([4, 0], [4, 10, 1])
    assert observation.response.clicked.shape == [4, 3]
    np.testing.assert_array_equal(observation.documents[..., 0], state.candidates)
    assert simulator.resample_documents


def test_the_tutorial_shows_kaleness_and_noisy_satisfaction():
    simulator = recsim_tf.make("LongTermSatisfaction-v1", tutorial=True)
    state = simulator.reset(4, seed=0)
    observation = simulator.observe(state)
    np.testing.assert_array_equal(observation.documents[..., 0], 1 - state.candidates)
    np.testing.assert_array_equal(
        observation.user[:, 0], simulator.users.satisfaction(state.user) + state.user.noise
    )


def test_sessions_last_exactly_the_time_budget_and_every_step_consumes_one_document():
    simulator = long_term_satisfaction()
    transitions = compiled(lambda seed: simulator.rollout(uniform_random(3), 32, 61, seed))(
        as_seed(1)
    ).transitions
    np.testing.assert_array_equal(np.argmax(transitions.terminated, axis=0), np.full(32, 59))
    np.testing.assert_array_equal(
        tf.reduce_sum(transitions.response.clicked, -1)[:60], np.ones([60, 32])
    )


def test_rewards_exceed_what_is_observed_of_large_engagements():
    simulator = long_term_satisfaction(
        users=LongTermSatisfactionUsers(choc_mean=12.0, kale_mean=12.0)
    )
    state, transition = simulator.step(
        simulator.reset(64, seed=0), tf.zeros([64, 1], tf.int32), seed=1
    )
    observed = simulator.observe(state).response.engagement
    large = transition.reward.numpy() > 100
    assert large.any()
    np.testing.assert_array_equal(np.max(observed, axis=-1), np.minimum(transition.reward, 100))


def test_rewards_are_differentiable_in_the_parameters_of_exposure_and_engagement():
    sensitivity = tf.Variable(0.5, dtype=tf.float64)
    users = LongTermSatisfactionUsers(sensitivity=sensitivity, dtype=tf.float64)
    simulator = long_term_satisfaction(users=users, dtype=tf.float64)

    @compiled
    def mean_return(seed):
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(
                tf.reduce_sum(
                    simulator.rollout(first_positions(3), 8, 5, seed).transitions.reward, 0
                )
            )
        return value, tape.gradient(value, sensitivity)

    _, gradient = mean_return(as_seed(0))
    values = []
    for step in (1e-6, -1e-6):
        sensitivity.assign(0.5 + step)
        values.append(mean_return(as_seed(0))[0].numpy())
    assert abs(gradient) > 1e-3
    np.testing.assert_allclose(gradient, (values[0] - values[1]) / 2e-6, rtol=1e-5)
