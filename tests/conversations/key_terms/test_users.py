# SPDX-License-Identifier: Apache-2.0
import numpy as np
import tensorflow as tf

import recsim_tf
from recsim_tf.conversations.key_terms import KeyTermDocuments, KeyTermUsers, key_terms
from recsim_tf.conversations.key_terms.documents import Shown
from recsim_tf.conversations.key_terms.users import UserState
from recsim_tf.core import random
from recsim_tf.core.base.types import Slate
from recsim_tf.core.runs.execution import compiled

USERS = KeyTermUsers(num_features=3, num_rounds=2)
STATE = UserState(tf.constant([[0.2, -0.1, 0.5], [-0.6, 0.0, 0.6]]), tf.constant([0, 1]))
DOCUMENTS = Shown(
    item_id=tf.constant([[4, 9], [7, 2]]),
    is_key_term=tf.constant([[0.0, 1.0], [1.0, 0.0]]),
    features=tf.constant([[[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]], [[2.0, 0.0, 1.0], [-1.0, 0.0, 1.0]]]),
)
FULL = Slate(DOCUMENTS, tf.ones([2, 2], tf.bool))
# The second user's products, -0.6 and 1.2, are clipped.
PROBS = [[0.7, 0.4], [0.0, 1.0]]


def test_tastes_are_drawn_by_the_law_of_the_source():
    num_users, users = 4000, KeyTermUsers(num_features=4)
    taste = users.initial_state(
        random.sample(users.initial_draws(num_users), random.as_seed(0))
    ).taste.numpy()
    scale = 2 * np.linalg.norm(taste[:, :-1], axis=1)
    direction, bias = 2 * taste[:, :-1] / scale[:, np.newaxis], 2 * taste[:, -1]
    assert ((scale <= 1) & (bias >= scale) & (bias <= 2 - scale)).all()
    position = (bias - scale) / (2 - 2 * scale)
    for uniform in (scale, position):
        assert abs(uniform.mean() - 0.5) < 4 / np.sqrt(12 * num_users)
        assert abs(np.mean(uniform**2) - 1 / 3) < 4 * np.sqrt(4 / 45 / num_users)
    assert abs(np.corrcoef(scale, position)[0, 1]) < 4 / np.sqrt(num_users)
    assert (np.abs(direction.mean(axis=0)) < 4 / np.sqrt(3 * num_users)).all()
    np.testing.assert_allclose(np.mean(direction**2, axis=0), 1 / 3, atol=4 * 0.3 / 60)


def test_arms_and_key_terms_are_liked_with_the_clipped_product():
    response = USERS.response(STATE, FULL)
    np.testing.assert_allclose(response.mean(), PROBS, rtol=1e-6)
    np.testing.assert_allclose(
        response.log_prob(tf.constant([[1, 0], [0, 1]])), [np.log(0.7 * 0.6), 0.0], rtol=1e-5
    )


def test_a_liked_key_term_is_an_answer_and_no_click():
    response = USERS.outcome(STATE, FULL, tf.constant([[1, 1], [1, 0]]))
    np.testing.assert_array_equal(response.clicked, [[1, 0], [0, 0]])
    np.testing.assert_array_equal(response.answer, [[0, 1], [1, 0]])
    np.testing.assert_array_equal(response.asked, DOCUMENTS.is_key_term)
    np.testing.assert_array_equal(response.item_id, DOCUMENTS.item_id)
    np.testing.assert_array_equal(response.features, DOCUMENTS.features)


def test_an_empty_position_tells_nothing():
    slate = Slate(DOCUMENTS, tf.constant([[True, False], [False, False]]))
    distribution = USERS.response(STATE, slate)
    np.testing.assert_allclose(distribution.mean(), [[0.7, 0], [0, 0]], rtol=1e-6)
    response = USERS.outcome(STATE, slate, tf.zeros([2, 2], tf.int32))
    for leaf in tf.nest.flatten(response):
        assert not np.any(leaf[1])
    np.testing.assert_array_equal(USERS.update(STATE, slate, response, ()).rounds, [1, 1])


def test_a_user_leaves_after_their_rounds_and_questions_do_not_count():
    first = tf.nest.map_structure(lambda leaf: leaf[:, :1], DOCUMENTS)
    slate = Slate(first, tf.ones([2, 1], tf.bool))
    response = USERS.outcome(STATE, slate, tf.ones([2, 1], tf.int32))
    state = USERS.update(STATE, slate, response, ())
    np.testing.assert_array_equal(state.rounds, [1, 1])
    np.testing.assert_array_equal(USERS.departure(state), [False, False])
    state = USERS.update(state, slate, response, ())
    np.testing.assert_array_equal(USERS.departure(state), [True, False])


def test_the_likelihood_has_a_gradient_to_features_and_tastes_also_at_empty_positions():
    slate = Slate(DOCUMENTS, tf.constant([[True, True], [True, False]]))
    with tf.GradientTape() as tape:
        tape.watch((STATE.taste, DOCUMENTS.features))
        log_prob = USERS.response(STATE, slate).log_prob(tf.constant([[1, 0], [0, 0]]))
    of_taste, of_features = tape.gradient(log_prob, (STATE.taste, DOCUMENTS.features))
    ratios = np.array([1 / 0.7, -1 / 0.6])
    np.testing.assert_allclose(of_taste[0], ratios @ DOCUMENTS.features[0].numpy(), rtol=1e-5)
    np.testing.assert_allclose(of_features[0], ratios[:, np.newaxis] * STATE.taste[0], rtol=1e-5)
    assert not np.any(of_features[1])


def test_defaults_are_fifty_arms_and_all_key_terms():
    simulator = recsim_tf.make("KeyTerms-v0")
    state = simulator.reset(4, seed=0)
    observation = simulator.observe(state)
    assert observation.user.shape == [4, 0]
    # What all users share is not copied for each.
    assert observation.documents._fields == ("item_id",)
    shown = simulator.documents.show(observation.documents, ())
    assert shown.features.shape == [4, 550, 50]
    np.testing.assert_array_equal(np.sum(shown.is_key_term, axis=1), np.full(4, 500))
    # Every probability is in range without the clip.
    probs = simulator.users.scores(state.user, shown).numpy()
    assert ((probs >= 0) & (probs <= 1)).all()
    state, transition = simulator.step(state, [[0], [49], [50], [549]], seed=1)
    np.testing.assert_array_equal(transition.response.asked[:, 0], [0, 0, 1, 1])
    np.testing.assert_array_equal(state.user.rounds, [1, 1, 0, 0])


def test_questions_earn_nothing_and_do_not_shorten_a_session():
    """Each item is liked for certain; every second step is a question."""
    features = np.tile([[0.0, 1e6]], [5, 1])
    simulator = key_terms(
        KeyTermUsers(2, num_rounds=3), KeyTermDocuments(3, 2, 2, 3, features), num_candidates=5
    )

    def policy(observation, policy_state, seed):
        del seed
        asks = tf.cast(tf.equal(observation.response.asked[:, 0], 0), tf.int32)
        return 3 * asks[:, tf.newaxis], policy_state

    trajectory = compiled(lambda seed: simulator.rollout(policy, 2, 8, seed))(random.as_seed(0))
    transitions = trajectory.transitions
    np.testing.assert_array_equal(transitions.response.answer[:4, 0, 0], [1, 0, 1, 0])
    np.testing.assert_array_equal(transitions.reward[:, 0], [0, 1, 0, 1, 0, 1, 0, 0])
    np.testing.assert_array_equal(transitions.terminated[:, 0], np.arange(8) == 5)
