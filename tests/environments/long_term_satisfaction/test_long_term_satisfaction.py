# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf import choice
from recsim_tf.core import random
from recsim_tf.core.base.types import Slate
from recsim_tf.core.random import as_seed
from recsim_tf.core.runs.execution import compiled
from recsim_tf.environments.long_term_satisfaction import (
    ClickbaitDocuments,
    Document,
    Draws,
    LongTermSatisfactionUsers,
    ResponseDraw,
    UserState,
    engagement_reward,
    long_term_satisfaction,
)
from tests import golden
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


def test_clickbait_is_uniform_and_agents_see_it():
    documents = ClickbaitDocuments()
    candidates = documents.candidates(2, 3, (), None)
    assert (candidates.batch_shape, candidates.event_shape) == ([2], [3])
    np.testing.assert_array_equal(
        candidates.log_prob([[0.0, 0.5, 0.9], [0.5, 1.5, 0.5]]), [0.0, -np.inf]
    )
    draw = random.sample(candidates, random.as_seed(0))
    observed = documents.observe(documents.describe(draw, ()))
    np.testing.assert_array_equal(observed, draw[..., np.newaxis])
    assert documents.observation_bounds() == (0.0, 1.0)


PARAMETERS = (
    "memory_discount",
    "sensitivity",
    "innovation_stddev",
    "choc_mean",
    "choc_stddev",
    "kale_mean",
    "kale_stddev",
)


def float64(values):
    return tf.constant(values, tf.float64)


def users_and_state(inputs):
    users = LongTermSatisfactionUsers(
        dtype=tf.float64, **{name: inputs[name] for name in PARAMETERS}
    )
    return users, UserState(
        float64([inputs["net_positive_exposure"]]), float64([inputs["time_budget"]]), noise=()
    )


def slate_of(clickbait):
    return Slate(Document(float64([clickbait])), mask=tf.ones([1, len(clickbait)], tf.bool))


def assert_close(tensor, expected):
    np.testing.assert_allclose(tensor, [expected], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("record", golden.cases("long_term_satisfaction_transition"))
def test_a_step_of_the_user_model_is_that_of_recsim(record):
    inputs, expected = record["inputs"], record["outputs"]
    users, state = users_and_state(inputs)
    slate = slate_of(inputs["clickbait_scores"])
    assert_close(users.satisfaction(state), expected["satisfaction_before"])
    engagement = users.response(state, slate).distribution
    assert_close(engagement.loc, expected["log_engagement_mean"])
    assert_close(engagement.scale, expected["log_engagement_stddev"])

    response = users.outcome(
        state, slate, tf.exp(engagement.loc + engagement.scale * inputs["z_engagement"])
    )
    np.testing.assert_array_equal(
        response.clicked[0], np.arange(len(inputs["clickbait_scores"])) == expected["clicked"]
    )
    assert_close(response.engagement[:, 0], expected["engagement"])
    assert_close(engagement_reward(response), expected["reward"])
    assert_close(users.observe_response(response).engagement[:, 0], expected["engagement_observed"])

    innovation = users.innovation(state, slate, response)
    assert_close(innovation.stddev(), inputs["innovation_stddev"])
    after = users.update(state, slate, response, innovation.scale * inputs["z_innovation"])
    assert_close(after.net_positive_exposure, expected["net_positive_exposure_after"])
    assert_close(users.satisfaction(after), expected["satisfaction_after"])
    assert_close(after.budget, expected["time_budget_after"])
    assert bool(users.departure(after)[0]) == expected["terminal_after"]


@pytest.mark.parametrize("record", golden.cases("long_term_satisfaction_trajectory"))
def test_sessions_without_noise_are_those_of_recsim(record):
    inputs, expected = record["inputs"], record["outputs"]
    users, state = users_and_state(inputs)
    for step, clickbait in enumerate(inputs["clickbait_sequence"]):
        slate = slate_of([clickbait])
        engagement = users.response(state, slate).distribution
        response = users.outcome(state, slate, tf.exp(engagement.loc))
        assert_close(response.engagement[:, 0], expected["engagement"][step])
        state = users.update(state, slate, response, float64([0.0]))
        assert_close(state.net_positive_exposure, expected["net_positive_exposure"][step])
        assert_close(users.satisfaction(state), expected["satisfaction"][step])
        assert_close(state.budget, expected["time_budget"][step])
        assert bool(users.departure(state)[0]) == expected["terminal"][step]
