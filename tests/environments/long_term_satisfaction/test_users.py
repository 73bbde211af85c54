import numpy as np
import pytest
import tensorflow as tf

from recsim_tf import choice
from recsim_tf.core.types import Slate
from recsim_tf.environments.long_term_satisfaction import (
    Document,
    Draws,
    LongTermSatisfactionUsers,
    ResponseDraw,
    UserState,
    engagement_reward,
)

USERS = LongTermSatisfactionUsers()
TUTORIAL = LongTermSatisfactionUsers.tutorial()
STATE = UserState(
    net_positive_exposure=tf.constant([1.0, -2.0]), budget=tf.constant([10.0, 1.0]), noise=()
)
NOISY_STATE = STATE._replace(noise=tf.constant([0.25, -0.75]))
CLICKBAIT = [[0.2, 1.0], [0.6, 0.0]]
SLATE = Slate(Document(tf.constant(CLICKBAIT)), mask=tf.ones([2, 2], tf.bool))
HALF_EMPTY = SLATE._replace(mask=tf.constant([[False, True], [True, False]]))


def test_the_constants_are_those_of_recsim_and_of_its_tutorial():
    expected = {
        "memory_discount": 0.7,
        "sensitivity": 0.01,
        "innovation_stddev": 0.05,
        "choc_mean": 5.0,
        "choc_stddev": 1.0,
        "kale_mean": 4.0,
        "kale_stddev": 1.0,
        "time_budget": 60.0,
        "choice_model": None,
        "observation_stddev": None,
    }
    assert {name: getattr(USERS, name) for name in expected} == expected
    del expected["choice_model"]
    of_tutorial = {**expected, "memory_discount": 0.9, "observation_stddev": 0.1}
    assert {name: getattr(TUTORIAL, name) for name in expected} == of_tutorial
    assert not list(TUTORIAL.choice_model.differences(choice.MultinomialLogit()))
    assert LongTermSatisfactionUsers.tutorial(time_budget=5.0).time_budget == 5.0


def test_exposure_starts_uniform_on_half_of_its_range_with_a_full_budget():
    np.testing.assert_allclose(USERS.initial_draws(2).log_prob([0.1, 0.9]), np.zeros(2), atol=1e-6)
    state = USERS.initial_state(tf.constant([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(state.net_positive_exposure, [-0.5 / 0.3, 0.0, 0.5 / 0.3], rtol=1e-6)
    np.testing.assert_array_equal(state.budget, [60.0] * 3)
    noisy = TUTORIAL.initial_state(
        Draws(exposure=tf.constant([0.0, 1.0]), noise=tf.constant([0.1, -0.2]))
    )
    np.testing.assert_allclose(noisy.net_positive_exposure, [-5.0, 5.0], rtol=1e-5)
    np.testing.assert_allclose(noisy.noise, [0.1, -0.2], rtol=1e-6)


def test_users_consume_the_first_position_whatever_stands_behind_it():
    other = SLATE._replace(documents=Document(tf.constant([[0.2, 0.3], [0.6, 0.4]])))
    for slate in (SLATE, other):
        engagement = USERS.response(STATE, slate)
        satisfaction = 1 / (1 + np.exp([-0.01, 0.02]))
        loc, scale = satisfaction * (np.array([0.2, 0.6]) + 4.0), 1.0
        expected = -0.5 * ((np.log(3.0) - loc) / scale) ** 2 - np.log(3.0 * np.sqrt(2 * np.pi))
        np.testing.assert_allclose(engagement.log_prob([3.0, 3.0]), expected, rtol=1e-5)
        response = USERS.outcome(STATE, slate, tf.constant([3.0, 4.0]))
        np.testing.assert_array_equal(response.clicked, [[1, 0], [1, 0]])
        np.testing.assert_array_equal(response.engagement, [[3, 0], [4, 0]])


def test_the_engagements_standard_deviation_is_mixed_as_its_mean_and_not_scaled_by_satisfaction():
    engagement = (
        LongTermSatisfactionUsers(choc_stddev=2.0, kale_stddev=0.5)
        .response(STATE, SLATE)
        .distribution
    )
    np.testing.assert_allclose(
        engagement.scale, [0.2 * 2 + 0.8 * 0.5, 0.6 * 2 + 0.4 * 0.5], rtol=1e-6
    )


def test_agents_see_at_most_100_of_the_engagement_that_is_rewarded():
    response = USERS.outcome(STATE, SLATE, tf.constant([150.0, 4.0]))
    np.testing.assert_array_equal(engagement_reward(response), [150.0, 4.0])
    observed = USERS.observe_response(response)
    np.testing.assert_array_equal(observed.engagement, [[100.0, 0.0], [4.0, 0.0]])
    np.testing.assert_array_equal(observed.clicked, response.clicked)
    assert USERS.response_bounds().engagement == (0.0, 100.0)


def test_clickbait_lowers_the_exposure_and_a_step_takes_one_unit_of_time():
    response = USERS.outcome(STATE, SLATE, tf.constant([3.0, 4.0]))
    after = USERS.update(STATE, SLATE, response, tf.constant([0.0, 0.1]))
    np.testing.assert_allclose(
        after.net_positive_exposure, [0.7 * 1.0 + 0.6, 0.7 * -2.0 - 0.2 + 0.1], rtol=1e-5
    )
    np.testing.assert_array_equal(after.budget, [9.0, 0.0])
    np.testing.assert_array_equal(USERS.departure(after), [False, True])


def test_where_nothing_is_consumed_only_time_passes():
    engagement = USERS.response(STATE, HALF_EMPTY)
    np.testing.assert_array_equal(engagement.validity_mask, [False, True])
    response = USERS.outcome(STATE, HALF_EMPTY, tf.constant([3.0, 4.0]))
    np.testing.assert_array_equal(response.engagement, [[0, 0], [4, 0]])
    after = USERS.update(STATE, HALF_EMPTY, response, tf.constant([0.5, 0.0]))
    np.testing.assert_allclose(after.net_positive_exposure, [1.0, 0.7 * -2.0 - 0.2], rtol=1e-5)
    np.testing.assert_array_equal(after.budget, [9.0, 0.0])


def test_a_relaxed_choice_moves_the_exposure_by_the_weighted_effects_of_its_clicks():
    noise = tf.constant([0.05, -0.1])
    shocks = Draws(exposure=noise, noise=tf.zeros([2]))
    weights = [0.2, 0.3, 0.5]
    hard = []
    for position in range(3):
        response = TUTORIAL.outcome(
            NOISY_STATE, SLATE, ResponseDraw(tf.fill([2], position), tf.ones([2]))
        )
        hard.append(TUTORIAL.update(NOISY_STATE, SLATE, response, shocks).net_positive_exposure)
    relaxed = response._replace(clicked=tf.constant([weights[:2]] * 2))
    after = TUTORIAL.update(NOISY_STATE, SLATE, relaxed, shocks).net_positive_exposure
    np.testing.assert_allclose(
        after,
        sum(weight * exposure for weight, exposure in zip(weights, hard, strict=True)),
        rtol=1e-5,
    )


def test_tutorial_users_choose_by_clickbait_and_are_engaged_by_their_choice():
    joint = TUTORIAL.response(NOISY_STATE, SLATE)
    draw = ResponseDraw(choice=tf.constant([1, 0]), engagement=tf.constant([3.0, 4.0]))
    probs = [np.exp(1.0) / (np.exp(0.2) + np.exp(1.0)), np.exp(0.6) / (np.exp(0.6) + 1)]
    loc = np.array([5.0, 4.6]) / (1 + np.exp([-0.01, 0.02]))
    engagement = -0.5 * (np.log([3.0, 4.0]) - loc) ** 2 - np.log(
        np.array([3.0, 4.0]) * np.sqrt(2 * np.pi)
    )
    np.testing.assert_allclose(joint.log_prob(draw), np.log(probs) + engagement, rtol=1e-5)
    response = TUTORIAL.outcome(NOISY_STATE, SLATE, draw)
    np.testing.assert_array_equal(response.clicked, [[0, 1], [1, 0]])
    np.testing.assert_array_equal(response.engagement, [[0, 3], [4, 0]])


def test_users_with_a_no_click_option_may_choose_nothing():
    users = TUTORIAL.with_parameters({"choice_model.no_click_mass": 0.0})
    draw = ResponseDraw(choice=tf.constant([2, 0]), engagement=tf.constant([1.0, 4.0]))
    weights = np.exp([0.2, 1.0, 0.0])
    joint = users.response(NOISY_STATE, SLATE)
    np.testing.assert_allclose(
        joint.log_prob(draw)[0], np.log(weights[2] / weights.sum()), rtol=1e-5
    )
    response = users.outcome(NOISY_STATE, SLATE, draw)
    np.testing.assert_array_equal(response.engagement, [[0, 0], [4, 0]])


def test_satisfaction_is_hidden_or_seen_with_a_noise_that_is_drawn():
    assert USERS.observe(STATE).shape == [2, 0]
    satisfaction = 1 / (1 + np.exp([-0.01, 0.02]))
    np.testing.assert_allclose(
        TUTORIAL.observe(NOISY_STATE)[:, 0], np.add(satisfaction, [0.25, -0.75]), rtol=1e-6
    )
    response = TUTORIAL.outcome(NOISY_STATE, SLATE, ResponseDraw(tf.constant([0, 0]), tf.ones([2])))
    innovation = TUTORIAL.innovation(NOISY_STATE, SLATE, response)
    noise = innovation.model.noise
    assert noise.batch_shape == [2]
    assert [float(value) for value in (noise.scale, noise.low, noise.high)] == pytest.approx(
        [0.1, -1.0, 1.0]
    )
    draws = Draws(exposure=tf.zeros([2]), noise=tf.constant([0.1, 0.3]))
    np.testing.assert_array_equal(
        TUTORIAL.update(NOISY_STATE, SLATE, response, draws).noise, draws.noise
    )
    assert TUTORIAL.observation_bounds() == (-2.0, 2.0)
