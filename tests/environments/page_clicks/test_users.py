# SPDX-License-Identifier: Apache-2.0
import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.types import Slate
from recsim_tf.environments.page_clicks import PageClickUsers
from recsim_tf.environments.page_clicks.documents import Item, ShownItem
from tests.alike import assert_shares

FEATURE_EFFECT = [[0.1, 0.2, 0.0], [-0.3, 0.4, 0.5]]
USERS = PageClickUsers(
    feature_probs=[[0.5, 0.5, 0.0], [0.2, 0.3, 0.5]],
    feature_effect=FEATURE_EFFECT,
    intercept=-1.0,
    position_effect=[0.0, -0.5, -1.0],
    affinity_effect=2.0,
)
STATE = tf.constant([[0, 2], [1, 0]])
APPEAL, AFFINITY = np.float32([[0.3, 0.0, -0.2], [1.0, 0.5, 0.0]]), np.int32([[0, 1, 0], [0, 0, 3]])
ITEM = Item(
    tf.constant([[0, 1, 2], [2, 1, 0]]),
    tf.zeros([2, 3, 0], tf.int32),
    tf.zeros([2, 3]),
    tf.constant(APPEAL),
)
SHOWN = ShownItem(ITEM, tf.constant(AFFINITY))
FULL = Slate(SHOWN, tf.ones([2, 3], tf.bool))
GAPS = Slate(SHOWN, tf.constant([[False, True, False], [True, False, True]]))
LOGITS = (
    -1.0
    + np.array([[0.1 + 0.5], [0.2 - 0.3]])
    + np.array([0.0, -0.5, -1.0])
    + APPEAL
    + 2.0 * np.log1p(AFFINITY)
)


def test_positions_are_clicked_independently():
    clicked = np.array([[1, 0, 1], [0, 0, 0]])
    expected = np.sum(clicked * LOGITS - np.log1p(np.exp(LOGITS)), axis=1)
    np.testing.assert_allclose(USERS.response(STATE, FULL).log_prob(clicked), expected, rtol=1e-5)


def test_an_empty_position_is_never_clicked_and_scores_nothing():
    response = USERS.response(STATE, GAPS)
    shown = GAPS.mask.numpy()
    np.testing.assert_allclose(
        response.mean(), np.where(shown, 1 / (1 + np.exp(-LOGITS)), 0), rtol=1e-5
    )
    clicked = np.array([[0, 1, 0], [1, 0, 0]])
    expected = np.sum(np.where(shown, clicked * LOGITS - np.log1p(np.exp(LOGITS)), 0), axis=1)
    np.testing.assert_allclose(response.log_prob(clicked), expected, rtol=1e-5)
    draws = [random.sample(response, random.as_seed(seed)).numpy() for seed in range(50)]
    assert not np.any(np.array(draws)[:, ~shown])
    assert np.any(np.array(draws)[:, shown])


def test_the_response_is_the_clicks_and_the_items():
    draw = tf.constant([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    response = USERS.outcome(STATE, FULL, draw)
    np.testing.assert_array_equal(response.clicked, draw)
    assert response.clicked.dtype == tf.float32
    np.testing.assert_array_equal(response.item_id, ITEM.item_id)


def test_features_are_drawn_with_their_probabilities_and_stay():
    num_users = 20000
    draws = random.sample(USERS.initial_draws(num_users), random.as_seed(0)).numpy()
    for feature, probs in enumerate(USERS.feature_probs):
        share = np.bincount(draws[:, feature], minlength=3) / num_users
        assert_shares(share, probs, num_users)
    np.testing.assert_allclose(
        USERS.initial_draws(2).log_prob(STATE), np.log([0.5 * 0.5, 0.5 * 0.2]), rtol=1e-5
    )
    np.testing.assert_array_equal(USERS.observe(USERS.initial_state(STATE)), STATE)
    assert not np.any(USERS.departure(STATE))
