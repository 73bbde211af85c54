# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf
from recipes.soft_attributes import TaggingUsers, ratings_and_tags
from recipes.soft_attributes.taggers import RatingDraws, TaggerDraws, catalogue
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.core import random
from recsim_tf.core.base.types import Slate

SIZES = {"num_films": 40, "num_factors": 8, "num_attributes": 3, "max_ratings": 10}


def response(users, num_users, seed=0):
    """Initial draws and the response of users who meet all films."""
    simulator = ratings_and_tags(users)
    state = simulator.reset(num_users, seed)
    everything = tf.tile(tf.range(users.num_films)[tf.newaxis], [num_users, 1])
    return state.user, simulator.step(state, everything, seed + 1)[1].response


@pytest.mark.slow
@pytest.mark.parametrize("lowest_peak", [0.3, 1.0])
def test_ratings_and_tags_pass_the_checks(lowest_peak):
    recsim_tf.check(ratings_and_tags(TaggingUsers(**SIZES, lowest_peak=lowest_peak)))


def test_stars_and_tags_by_hand():
    users = TaggingUsers(
        num_films=3,
        num_factors=2,
        num_attributes=1,
        max_ratings=3,
        factors=[[0.0, 1.0], [1.0, 0.2], [0.5, 0.5]],
        popularity=0.0,
    )
    state = TaggerDraws(
        taste=tf.constant([[0.0, 1.0]]),
        peaks=tf.ones([1, 2]),
        senses=tf.constant([[1]]),
        num_ratings=tf.constant([2]),
        is_tagger=tf.constant([1]),
        tagging=tf.constant([0.3]),
    )
    slate = Slate(tf.constant([[2, 0, 1]]), tf.ones([1, 3], tf.bool))
    # Films 1, 0 and 2 in this order, of which the first two are given.
    draw = RatingDraws(
        rated=tf.constant([[2, 1, 0]]),
        score=tf.constant([[0.2, 0.9, 0.5]]),
        is_tagged=tf.constant([[0, 1, 1]]),
        tags=tf.constant([[[1], [1], [1]]]),
    )
    found = users.outcome(state, slate, draw)
    np.testing.assert_array_equal(found.film, [[1, 0, -1]])
    np.testing.assert_array_equal(found.stars, [[1, 5, 0]])
    np.testing.assert_array_equal(found.is_tagged, [[False, True, False]])
    np.testing.assert_array_equal(found.tags[..., 0], [[0, 1, 0]])
    # Utilities 1, 0.2 and 0.5; sense 1 is factor 1, of which film 0 has 1.
    first = np.exp(0.2) / np.exp([0.2, 1.0, 0.5]).sum()
    ranked = np.log(first) + 1.0 - np.log(np.exp(1.0) + np.exp(0.5))
    scored = -0.5 * ((np.array([0.2, 0.9, 0.5]) - [0.2, 1.0, 0.5]) / 0.02) ** 2
    tagged = np.log(0.7) + 2 * np.log(0.3)
    of_tag = -np.log1p(np.exp(-0.5 * np.pi / np.sqrt(3) / 0.01))
    expected = ranked + (scored - np.log(0.02 * np.sqrt(2 * np.pi))).sum() + tagged + of_tag
    np.testing.assert_allclose(users.response(state, slate).log_prob(draw), [expected], rtol=1e-4)


def test_users_have_the_statistics_of_recsim_ng():
    users = TaggingUsers(num_films=200, max_ratings=50)
    state, found = response(users, 3000)
    stars = found.stars.numpy()
    num_ratings = (stars > 0).sum(axis=1)
    np.testing.assert_array_equal(num_ratings, state.num_ratings)
    assert 3 <= np.median(num_ratings) <= 6
    assert stars.max() == 5
    assert (stars[:, 0] >= 1).all()
    assert (np.diff((stars > 0).astype(int), axis=1) <= 0).all()
    assert state.is_tagger.numpy().mean() == pytest.approx(0.2, abs=0.02)
    tags_something = found.tags.numpy().any(axis=(1, 2)).mean()
    assert 0.12 <= tags_something <= 0.17
    assert not found.tags.numpy()[state.is_tagger == 0].any()


def test_a_film_has_a_tag_in_the_sense_of_the_user_who_tags_it():
    users = TaggingUsers(**SIZES, no_tagging=0.0, threshold_scale=1e-4)
    state, found = response(users, 300)
    film = np.maximum(found.film, 0)
    # Attribute a in sense s is factor 2 a + s.
    factor = 2 * np.arange(3) + state.senses.numpy()
    degree = np.take_along_axis(users.factors[film], factor[:, np.newaxis], axis=2)
    expected = (degree > 0.5) & found.is_tagged.numpy()[..., np.newaxis]
    np.testing.assert_array_equal(found.tags, expected)


def test_a_taste_has_nothing_of_the_senses_that_a_user_does_not_mean():
    users = TaggingUsers(**SIZES)
    state = users.initial_state(random.sample(users.initial_draws(500), random.as_seed(0)))
    by_sense = state.taste.numpy()[:, :6].reshape([500, 3, 2])
    own = np.take_along_axis(by_sense, state.senses.numpy()[..., np.newaxis], axis=2)
    np.testing.assert_allclose(by_sense.sum(axis=2), own[..., 0], atol=1e-6)
    assert (own > 0).mean() > 0.7
    assert state.taste.numpy().min() >= 0
    assert state.taste.numpy().max() <= 1


def test_films_are_normal_around_their_topics_and_clipped():
    films = catalogue(0, num_films=4000, num_factors=3, num_topics=1)
    assert films.factors.min() == 0
    assert films.factors.max() == 1
    assert films.topics.min() >= 0
    assert films.topics.max() <= 1
    normal = tfd.Normal(films.topics[0], 0.5)
    for found, expected in (
        ((films.factors == 0).mean(axis=0), normal.cdf(0.0)),
        ((films.factors < 0.5).mean(axis=0), normal.cdf(0.5)),
        ((films.factors < 1).mean(axis=0), normal.cdf(1.0)),
    ):
        np.testing.assert_allclose(found, expected, atol=3 * 0.5 / np.sqrt(4000))
