import numpy as np
import tensorflow as tf

import recsim_tf
from recsim_tf import choice
from recsim_tf.core import random
from recsim_tf.core.types import Slate
from recsim_tf.environments.interest_exploration import (
    Document,
    InitialDraw,
    InterestExplorationUsers,
    UserState,
)

USERS = InterestExplorationUsers()
STATE = UserState(affinity=tf.constant([[1.0, 2.0], [0.5, 0.1]]))
SLATE = Slate(
    Document(
        cluster_id=tf.constant([[0, 1, 1], [1, 0, 0]]),
        quality=tf.constant([[1.0, 0.5, 2.0], [0.2, 0.4, 3.0]]),
    ),
    mask=tf.constant([[True, True, True], [True, True, False]]),
)


def log_normal_density(x, loc, scale):
    return -0.5 * ((np.log(x) - loc) / scale) ** 2 - np.log(x * scale * np.sqrt(2 * np.pi))


def test_affinities_are_log_normal_around_those_of_the_users_type():
    draws = InitialDraw(user_type=tf.constant([0, 1]), affinity=STATE.affinity)
    expected = [
        np.log(0.3) + log_normal_density(1.0, 0.1, 0.1) + log_normal_density(2.0, 0.7, 0.1),
        np.log(0.7) + log_normal_density(0.5, 0.7, 0.1) + log_normal_density(0.1, 0.1, 0.1),
    ]
    np.testing.assert_allclose(USERS.initial_draws(2).log_prob(draws), expected, rtol=1e-5)
    np.testing.assert_array_equal(USERS.initial_state(draws).affinity, STATE.affinity)


def test_drawn_users_have_the_means_of_their_distribution():
    num_users = 20000
    draws = random.sample(USERS.initial_draws(num_users), random.as_seed(0))
    share = np.mean(draws.user_type)
    assert abs(share - 0.7) < 4 * np.sqrt(0.3 * 0.7 / num_users)
    standard_error = np.std(draws.affinity, axis=0) / np.sqrt(num_users)
    assert (
        np.abs(np.mean(draws.affinity, axis=0) - USERS.mean_affinity(log_scale=False))
        < 4 * standard_error
    ).all()


def test_the_prior_mean_is_that_of_the_logarithms_as_in_recsim_or_that_of_the_affinities():
    np.testing.assert_allclose(USERS.mean_affinity(), [0.52, 0.28], rtol=1e-6)
    expected = 0.3 * np.exp([0.105, 0.705]) + 0.7 * np.exp([0.705, 0.105])
    np.testing.assert_allclose(USERS.mean_affinity(log_scale=False), expected, rtol=1e-6)


def test_users_choose_by_affinity_plus_quality():
    probs = USERS.response(STATE, SLATE).probs
    weights = np.exp([[2.0, 2.5, 4.0, 5.0], [0.3, 0.9, -np.inf, 5.0]])
    np.testing.assert_allclose(probs, weights / weights.sum(-1, keepdims=True), rtol=1e-5)


def test_the_response_tells_topic_and_quality_of_every_document_shown():
    response = USERS.outcome(STATE, SLATE, tf.constant([2, 3]))
    np.testing.assert_array_equal(response.clicked, [[0, 0, 1], [0, 0, 0]])
    np.testing.assert_array_equal(response.quality, SLATE.documents.quality)
    np.testing.assert_array_equal(response.cluster_id, SLATE.documents.cluster_id)
    np.testing.assert_array_equal(recsim_tf.click_reward(response), [1, 0])
    assert USERS.response_bounds().cluster_id == (0, 1)


def test_users_neither_change_nor_leave_nor_show_anything():
    response = USERS.outcome(STATE, SLATE, tf.constant([2, 3]))
    assert USERS.innovation(STATE, SLATE, response) is None
    assert USERS.update(STATE, SLATE, response, ()) is STATE
    np.testing.assert_array_equal(USERS.departure(STATE), [False, False])
    assert USERS.observe(STATE).shape == [2, 0]


def test_users_choose_by_other_choice_models():
    users = InterestExplorationUsers(
        choice_model=choice.MultinomialProportional(no_click_mass=1.0, min_normalizer=-1.0)
    )
    weights = np.array([3.0, 3.5, 5.0, 2.0])
    np.testing.assert_allclose(
        users.response(STATE, SLATE).probs[0], weights / weights.sum(), rtol=1e-5
    )
