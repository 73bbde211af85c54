# SPDX-License-Identifier: Apache-2.0
import numpy as np
import tensorflow as tf

import recsim_tf
from recsim_tf.choice import affinity
from recsim_tf.core.base.types import Slate
from recsim_tf.core.random import as_seed
from recsim_tf.core.runs.execution import compiled
from recsim_tf.environments.engagement_bait import (
    BaitedUsers,
    BaitVideos,
    Response,
    Video,
    catalogue,
)
from recsim_tf.policies import random_policy
from recsim_tf.policies.slates import exact_slate

# Time watched in 100 steps, of 1,000 users, on the catalogue of seed 1: under random slates, and
# under the slate that is best for the next step where interests are seen. They are those of a
# simulation in NumPy, with their standard errors.
VIDEOS, RANDOM, GREEDY = BaitVideos(seed=1), (52.41, 0.33), (81.5, 1.0)
NUM_USERS = 1000


def slate_of(features, quality):
    """One video for each user."""
    features, quality = tf.constant(features)[:, tf.newaxis], tf.constant(quality)[:, tf.newaxis]
    ids = tf.zeros(quality.shape, tf.int32)
    return Slate(Video(ids, quality, tf.fill(quality.shape, 2.0), features), quality < 9)


def response_of(slate, draw):
    return BaitedUsers().outcome(None, slate, tf.constant(draw))


def test_low_quality_is_watched_longer():
    slate = slate_of([[0.0, 0.0]] * 4, [-1.0, 0.0, 1.0, 1.0])
    response = response_of(slate, [0, 0, 0, 1])
    np.testing.assert_allclose(
        response.consumed_time[:, 0], [1.462117, 1.0, 0.537883, 0.0], rtol=1e-6
    )
    np.testing.assert_array_equal(response.clicked[:, 0], [1, 1, 1, 0])


def test_interests_move_towards_good_videos_and_away_from_bad_ones():
    users = BaitedUsers(max_affinity=1e4)
    slate = slate_of([[1.0, 0.0]] * 3, [-1.0, 0.5, 0.5])
    state = tf.constant([[0.5, 0.5]] * 3)
    moved = users.update(state, slate, response_of(slate, [0, 0, 1]), ())
    expected = [[0.45, 0.55], [0.525, 0.475], [0.5, 0.5]]
    # As large an M as makes the squashing vanish costs digits.
    np.testing.assert_allclose(moved, expected, atol=2e-3)


def test_interests_are_squashed_also_without_a_choice():
    slate = slate_of([[0.0, 0.0]] * 2, [-1.0, -1.0])
    state = tf.constant([[1.0, 5.0], [10.0, 20.0]])
    squashed = BaitedUsers().update(state, slate, response_of(slate, [1, 1]), ())
    np.testing.assert_allclose(squashed, [[0.9992, 4.8984], [9.2423, 15.2319]], atol=1e-4)


def test_the_qualities_of_topics_are_those_of_recsim_ng():
    two, ten = catalogue(0, 50_000), catalogue(0, 50_000, 10)
    by_topic = [two.quality[two.topic == topic].mean() for topic in range(2)]
    np.testing.assert_allclose(by_topic, [-1.0, 0.0], atol=0.01)
    by_topic = [ten.quality[ten.topic == topic].mean() for topic in range(10)]
    expected = [*np.linspace(-1, 0, 7), *np.linspace(0, 1, 3)]
    np.testing.assert_allclose(by_topic, expected, atol=0.01)
    noise = two.features - np.eye(2)[two.topic]
    np.testing.assert_allclose([noise.mean(), noise.std()], [0.0, 0.7], atol=0.01)


def test_all_users_have_all_videos_and_keep_them():
    simulator = recsim_tf.make("EngagementBait-v0")
    state = simulator.reset(4, seed=0)
    np.testing.assert_array_equal(np.sort(state.candidates), [np.arange(100)])
    after, _ = simulator.step(state, tf.zeros([4, 2], tf.int32), seed=1)
    np.testing.assert_array_equal(state.candidates, after.candidates)
    assert simulator.observe(state).documents.shape == [4, 100]


def mean_time(simulator, policy):
    """And its standard error."""
    run = compiled(
        lambda seed: simulator.fold(
            policy,
            NUM_USERS,
            100,
            seed,
            lambda time, transition: time + transition.reward,
            tf.zeros([NUM_USERS]),
        )
    )
    times = run(as_seed(0)).numpy()
    return times.mean(), times.std() / NUM_USERS**0.5


def agree(found, expected):
    (mean, error), (expected_mean, expected_error) = found, expected
    return abs(mean - expected_mean) < 3 * np.hypot(error, expected_error)


def test_random_slates_have_the_time_of_the_reference():
    simulator = recsim_tf.make("EngagementBait-v0", documents=VIDEOS)
    assert agree(mean_time(simulator, random_policy(simulator)), RANDOM)


class SeenUsers(BaitedUsers):
    def observe(self, state):
        return state


def test_greedy_slates_have_the_time_of_the_reference_where_interests_are_seen():
    simulator = recsim_tf.make("EngagementBait-v0", users=SeenUsers(), documents=VIDEOS)

    def greedy(observation, policy_state, seed):
        video = VIDEOS.describe(observation.documents, ())
        weights = tf.exp(2 + affinity.negative_euclidean(observation.user, video.features))
        time = video.length * tf.sigmoid(-video.quality)
        return exact_slate(weights, tf.ones([NUM_USERS]), time, 2), policy_state

    assert agree(mean_time(simulator, greedy), GREEDY)


def test_agents_see_what_was_watched_and_for_how_long():
    simulator = recsim_tf.make("EngagementBait-v0")
    state, transition = simulator.step(
        simulator.reset(5, seed=0), tf.tile([[3, 7]], [5, 1]), seed=1
    )
    observation = simulator.observe(state)
    assert observation.user.shape == [5, 0]
    assert isinstance(observation.response, Response)
    np.testing.assert_array_equal(
        observation.response.video_id, tf.gather(state.candidates[0], [[3, 7]] * 5)
    )
    np.testing.assert_allclose(
        transition.reward, tf.reduce_sum(observation.response.consumed_time, axis=1)
    )
