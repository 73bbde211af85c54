# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.core import nests
from recsim_tf.core.base.types import Observation, Slate
from recsim_tf.core.random import as_seed
from recsim_tf.core.runs.execution import compiled
from recsim_tf.environments.news import Article, ArticleView, Newsroom, Readers
from recsim_tf.policies import Trending

NUM_ARTICLES, NUM_STEPS = 6, 30


def small(users_per_world=8, **arguments):
    documents = Newsroom(NUM_ARTICLES, arrival_rate=0.1, discount=0.9)
    return recsim_tf.make(
        "News-v0", documents=documents, users_per_world=users_per_world, **arguments
    )


@pytest.fixture(scope="module")
def replayed():
    simulator = small()
    run = compiled(lambda: simulator.rollout(Trending(simulator), 16, NUM_STEPS, 0))
    trajectory = run()
    return trajectory, simulator.replay(trajectory)


@pytest.mark.slow
def test_clicks_and_impressions_are_those_of_all_users_of_a_world(replayed):
    trajectory, states = replayed
    counts = np.zeros((2, 2, NUM_ARTICLES))
    for step in range(NUM_STEPS):
        np.testing.assert_allclose(states.corpus.clicks[step], counts[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(states.corpus.impressions[step], counts[1], rtol=1e-5, atol=1e-6)
        slate = trajectory.transitions.slate[step].numpy()
        clicked = trajectory.transitions.response.clicked[step].numpy()
        counts *= 0.9
        for user, position in np.ndindex(16, 3):
            place = states.candidates[step, user // 8, slate[user, position]]
            counts[:, user // 8, place] += clicked[user, position], 1
        counts[:, trajectory.transitions.draws.corpus.appears[step] == 1] = 0


@pytest.mark.slow
def test_articles_appear_and_age(replayed):
    trajectory, states = replayed
    appears = trajectory.transitions.draws.corpus.appears.numpy() == 1
    assert 0.05 < appears.mean() < 0.2
    age = (states.corpus.clock[:, :, tf.newaxis] - states.corpus.published).numpy()
    np.testing.assert_array_equal(age[1:][appears[:-1]], 0)
    np.testing.assert_allclose(age[1:][~appears[:-1]], (age[:-1] + 1)[~appears[:-1]], rtol=1e-5)
    changed = states.corpus.quality[1:].numpy() != states.corpus.quality[:-1].numpy()
    np.testing.assert_array_equal(changed, appears[:-1])


def test_more_articles_appear_in_the_first_half_of_a_day():
    documents = Newsroom(1, rhythm=1.0, arrival_rate=0.1, day_length=24.0)
    state = documents.initial_state(
        recsim_tf.core.random.sample(documents.initial_draws(2), as_seed(0)), 2
    )
    rates = [
        documents.innovation(state._replace(clock=tf.fill([2], hour)), (), ()).model.appears.mean()
        for hour in (6.0, 18.0)
    ]
    np.testing.assert_allclose(rates[0], 0.2, rtol=1e-6)
    np.testing.assert_allclose(rates[1], 0.0, atol=1e-6)


def test_agents_do_not_see_quality():
    simulator = small()
    observation = simulator.observe(simulator.reset(8, 0))
    assert observation.documents._fields == ("cluster_id", "age", "clicks", "impressions")
    assert observation.user.shape == [8, 0]


def test_readers_choose_by_taste_quality_and_age():
    users = Readers(num_topics=2, freshness=0.5, half_life=24.0)
    taste = tf.constant([[0.3, -0.2]])
    counts = tf.zeros([1, 3])
    articles = Article(
        place=tf.constant([[0, 1, 2]]),
        cluster_id=tf.constant([[0, 1, 1]]),
        age=tf.constant([[0.0, 24.0, 48.0]]),
        clicks=counts,
        impressions=counts,
        quality=tf.constant([[1.0, -2.0, 0.7]]),
    )
    slate = Slate(articles, tf.ones([1, 3], tf.bool))
    found = users.response(taste, slate).prob(tf.range(4)[:, tf.newaxis])[:, 0]
    weights = np.exp([0.3 + 1.0 + 0.5, -0.2 - 2.0 + 0.25, -0.2 + 0.7 + 0.125, 3.0])
    np.testing.assert_allclose(found, weights / weights.sum(), rtol=1e-5)


def test_exploration_is_by_the_deviation_of_a_beta_distribution():
    """An article with one impression in mind, beside one that is known to be a deviation better."""
    num_users, deviation = 4000, (0.5 * 0.5 / 2) ** 0.5
    known = 1e6
    impressions = tf.tile([[0.0, known]], [num_users, 1])
    clicks = tf.tile([[0.0, (0.5 + deviation) * known]], [num_users, 1])
    topic, age = tf.zeros([num_users, 2], tf.int32), tf.zeros([num_users, 2])
    observation = Observation((), ArticleView(topic, age, clicks, impressions), ())
    policy = Trending(small(slate_size=1), prior_clicks=0.5, prior_impressions=1.0)
    slate, _ = policy(observation, (), as_seed(0))
    # Normal noise is above 1 in 15.9 % of draws; a standard error is 0.6 %.
    assert np.mean(slate == 0) == pytest.approx(0.159, abs=0.02)


def test_exploration_tries_what_nobody_has_seen():
    simulator = small()
    state = simulator.reset(8, 0)
    known = tf.constant([[0.0, 30.0, 30.0, 30.0, 30.0, 30.0]])
    corpus = state.corpus._replace(impressions=known, clicks=known * 0.11)
    observation = simulator.observe(state._replace(corpus=corpus))
    unseen = observation.documents.impressions == 0
    greedy, _ = Trending(simulator, exploration=0.0)(observation, (), as_seed(0))
    explored = [Trending(simulator)(observation, (), as_seed(seed))[0] for seed in range(5)]
    shown = [tf.reduce_mean(tf.cast(nests.take(unseen, each), tf.float32)) for each in explored]
    assert not tf.reduce_any(nests.take(unseen, greedy))
    assert 0.05 < np.mean(shown) < 1 / 3


def test_users_may_have_a_prior_of_their_own():
    simulator = small()
    observation = simulator.observe(simulator.reset(8, 0))
    priors = tf.constant([2.0, 50.0] * 4)
    several = Trending(simulator, exploration=0.0, prior_impressions=priors)
    slates, _ = several(observation, (), as_seed(0))
    for user, prior in enumerate((2.0, 50.0)):
        one = Trending(simulator, exploration=0.0, prior_impressions=prior)
        np.testing.assert_array_equal(slates[user], one(observation, (), as_seed(0))[0][user])
