# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf import choice
from recsim_tf.core import random
from recsim_tf.core.base.types import Slate
from recsim_tf.core.random import as_seed
from recsim_tf.core.runs.execution import compiled
from recsim_tf.environments.interest_evolution import (
    InterestEvolutionUsers,
    PlainVideos,
    UserState,
    UtilityVideos,
    interest_evolution,
    watch_time_reward,
)
from recsim_tf.environments.interest_evolution.documents import (
    ShownTopic,
    ShownVideo,
    affinities,
)
from tests.rollout_policies import first_positions


def test_defaults_are_those_of_the_recsim_factory():
    simulator = recsim_tf.make("InterestEvolution-v1")
    observation = simulator.observe(simulator.reset(4, seed=0))
    assert observation.user.shape == [4, 20]
    assert observation.documents.shape == [4, 10, 20]
    assert observation.response.clicked.shape == [4, 3]
    assert simulator.resample_documents
    assert simulator.max_steps is None
    state, transition = simulator.step(
        simulator.reset(4, seed=0), tf.zeros([4, 1], tf.int32), seed=1
    )
    np.testing.assert_array_equal(
        transition.reward, 4 * tf.reduce_sum(transition.response.clicked, -1)
    )
    np.testing.assert_array_equal(state.num_steps, np.ones(4))


@pytest.mark.slow
def test_plain_users_and_videos_run():
    users = InterestEvolutionUsers.plain(choice_model=choice.MultinomialLogit())
    simulator = interest_evolution(users=users, documents=PlainVideos())
    trajectory = compiled(lambda seed: simulator.rollout(first_positions(3), 16, 40, seed))(
        as_seed(1)
    )
    states = compiled(simulator.replay)(trajectory)
    transitions = trajectory.transitions
    assert transitions.terminated.numpy().any(axis=0).all()
    assert states.user.budget.numpy().max() == 30
    # Update alpha is zero: what is not watched is lost to steps without a click, at 1 each.
    spent = transitions.reward + (1.0 - tf.reduce_sum(transitions.response.clicked, -1))
    after = states.user.budget[:-1] - spent[:-1]
    active = transitions.active[1:].numpy()
    np.testing.assert_allclose(
        after.numpy()[active], states.user.budget[1:].numpy()[active], atol=1e-4
    )
    np.testing.assert_array_equal(transitions.response.quality, np.ones([40, 16, 3]))
    assert np.abs(states.user.interests).max() <= 1
    log_prob = compiled(simulator.log_prob)(trajectory)
    assert np.isfinite(log_prob.total).all()


STATE = UserState(interests=tf.constant([[0.5, -0.2], [0.1, 0.9]]), budget=tf.constant([10.0, 1.0]))

SLATE = Slate(
    ShownVideo(
        features=tf.constant([[[1.0, 0.0], [0.0, 1.0]]] * 2),
        cluster_id=tf.constant([[0, 1]] * 2),
        length=tf.fill([2, 2], 4.0),
        quality=tf.constant([[1.0, -1.0], [0.5, 2.0]]),
    ),
    mask=tf.ones([2, 2], tf.bool),
)

USERS = InterestEvolutionUsers(num_features=2)


def test_interests_start_uniform_in_the_unit_cube_with_a_full_budget():
    draws = USERS.initial_draws(3)
    assert (draws.batch_shape, draws.event_shape) == ([3], [2])
    np.testing.assert_allclose(
        draws.log_prob(tf.zeros([3, 2])), np.full(3, 2 * np.log(0.5)), rtol=1e-6
    )
    state = USERS.initial_state(tf.constant([[0.1, -0.3]] * 3))
    np.testing.assert_array_equal(state.interests, np.float32([[0.1, -0.3]] * 3))
    np.testing.assert_array_equal(state.budget, [200.0] * 3)


def test_the_affinities_of_topics_and_their_gradients_are_those_of_inner_products():
    def with_gradient(documents):
        with tf.GradientTape() as tape:
            tape.watch(STATE.interests)
            values = affinities(documents, STATE.interests)
            total = tf.reduce_sum(values**2)
        return values, tf.convert_to_tensor(tape.gradient(total, STATE.interests))

    looked_up, multiplied = (
        with_gradient(each) for each in (ShownTopic(*SLATE.documents), SLATE.documents)
    )
    np.testing.assert_array_equal(looked_up, multiplied)
    np.testing.assert_array_equal(looked_up[0], STATE.interests)


def test_topics_and_interests_of_other_dimensions_are_refused():
    simulator = interest_evolution(USERS, UtilityVideos(num_topics=20))
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        simulator.step(simulator.reset(4, seed=0), tf.zeros([4, 1], tf.int32), seed=1)


def test_watch_time_ends_with_the_budget():
    response = USERS.outcome(STATE, SLATE, tf.constant([0, 0]))
    np.testing.assert_array_equal(response.watch_time, [[4.0, 0.0], [1.0, 0.0]])
    overdrawn = USERS.outcome(
        STATE._replace(budget=tf.constant([-1.0, 0.0])), SLATE, tf.constant([0, 0])
    )
    np.testing.assert_array_equal(overdrawn.watch_time, np.zeros([2, 2]))


def test_rewards_count_watch_time_and_clicks():
    response = USERS.outcome(STATE, SLATE, tf.constant([1, 2]))
    np.testing.assert_array_equal(watch_time_reward(response), [4.0, 0.0])
    np.testing.assert_array_equal(recsim_tf.click_reward(response), [1.0, 0.0])


def test_there_is_no_innovation_without_a_click():
    response = USERS.outcome(STATE, SLATE, tf.constant([2, 1]))
    innovation = USERS.innovation(STATE, SLATE, response)
    np.testing.assert_array_equal(innovation.validity_mask, [False, True])
    np.testing.assert_allclose(innovation.log_prob([0, 1]), [0.0, np.log(0.95)], rtol=1e-5)


def test_innovations_at_the_edge_of_the_interests_have_finite_gradients():
    interests = tf.constant([[1.0, 1.0], [-1.0, -1.0]])
    with tf.GradientTape() as tape:
        tape.watch(interests)
        state = STATE._replace(interests=interests)
        response = USERS.outcome(state, SLATE, tf.constant([0, 1]))
        log_prob = USERS.innovation(state, SLATE, response).log_prob([1, 0])
    np.testing.assert_allclose(log_prob, [0.0, 0.0], atol=2e-6)
    assert np.isfinite(tape.gradient(log_prob, interests)).all()


def test_a_relaxed_choice_moves_the_user_by_the_weighted_effects_of_its_clicks():
    users = InterestEvolutionUsers(num_features=2, dtype=tf.float64)
    state, slate = tf.nest.map_structure(
        lambda leaf: tf.cast(leaf, tf.float64) if leaf.dtype.is_floating else leaf, (STATE, SLATE)
    )
    hard = [
        users.update(
            state, slate, users.outcome(state, slate, tf.constant([k, k])), tf.constant([1, 1])
        )
        for k in range(3)
    ]
    weights = [0.2, 0.3, 0.5]
    clicked = tf.constant([weights[:2]] * 2, tf.float64)
    watch_time = clicked * tf.minimum(state.budget[:, tf.newaxis], slate.documents.length)
    response = users.outcome(state, slate, tf.constant([2, 2]))._replace(
        clicked=clicked, watch_time=watch_time
    )
    relaxed = users.update(state, slate, response, tf.constant([1, 1]))
    expected = tf.nest.map_structure(
        lambda *states: sum(w * s for w, s in zip(weights, states, strict=True)), *hard
    )
    np.testing.assert_allclose(relaxed.interests, expected.interests, rtol=1e-12)
    np.testing.assert_allclose(relaxed.budget, expected.budget, rtol=1e-12)


def test_leaving_is_a_rule_by_default_and_a_hazard_with_a_temperature():
    state = STATE._replace(budget=tf.constant([0.0, 1e-3]))
    assert USERS.departure(state).numpy().tolist() == [True, False]
    hazard = InterestEvolutionUsers(num_features=2, departure_temperature=2.0).departure(STATE)
    assert isinstance(hazard, tfd.Bernoulli)
    np.testing.assert_allclose(hazard.probs_parameter(), 1 / (1 + np.exp([5.0, 0.5])), rtol=1e-5)


@pytest.mark.parametrize(
    ("model", "weights"),
    [
        (
            choice.MultinomialLogit(no_click_mass=1.0),
            [np.exp(0.5), np.exp(-0.2), np.exp(1.0)],
        ),
        (choice.MultinomialProportional(), [1.5, 0.8, 2.0]),
        (
            choice.ExponentialCascade(),
            [
                0.65 * 0.05 * np.exp(0.5),
                (1 - 0.65 * 0.05 * np.exp(0.5)) * 0.65 * 0.05 * np.exp(-0.2),
            ],
        ),
        (
            choice.ProportionalCascade(),
            [0.65 * 0.05 * 1.5, (1 - 0.65 * 0.05 * 1.5) * 0.65 * 0.05 * 0.8],
        ),
    ],
)
def test_users_choose_by_any_choice_model_with_the_constants_of_recsim(model, weights):
    probs = (
        InterestEvolutionUsers(num_features=2, choice_model=model).response(STATE, SLATE).probs[0]
    )
    expected = weights / np.sum(weights) if len(weights) == 3 else [*weights, 1 - sum(weights)]
    np.testing.assert_allclose(probs, expected, rtol=1e-5)


def test_plain_users_have_the_constants_of_recsim():
    plain = InterestEvolutionUsers.plain()
    expected = {
        "time_budget": 30.0,
        "step_penalty": 1.0,
        "user_quality_factor": 1.0,
        "document_quality_factor": 1.0,
        "user_update_alpha": 0.0,
        "num_features": 20,
    }
    assert {name: getattr(plain, name) for name in expected} == expected
    assert plain.choice_model.parameters() == {"min_normalizer": -1.0, "no_click_mass": 1.0}
    assert InterestEvolutionUsers.plain(time_budget=5.0).time_budget == 5.0


def test_agents_see_interests_and_not_the_budget():
    np.testing.assert_array_equal(USERS.observe(STATE), STATE.interests)
    assert USERS.observation_bounds() == (-1.0, 1.0)
    assert USERS.response_bounds().cluster_id == (0, 1)


def test_topics_are_uniform_and_hidden_quality_is_drawn_around_their_means():
    videos = UtilityVideos(num_topics=10)
    candidates = videos.candidates(4, 6, (), None)
    assert (candidates.batch_shape, candidates.event_shape) == ([4], [6])
    np.testing.assert_allclose(
        candidates.log_prob(tf.zeros([4, 6], tf.int32)), np.full(4, -6 * np.log(10)), rtol=1e-6
    )
    documents = videos.describe(random.sample(candidates, random.as_seed(0)), ())
    hidden = videos.reveal(documents)
    assert (hidden.batch_shape, hidden.event_shape) == ([4], [6])
    quality = random.sample(hidden, random.as_seed(1))
    shown = videos.show(documents, quality)
    np.testing.assert_array_equal(shown.quality, quality)
    np.testing.assert_allclose(
        quality, videos.mean_quality().numpy()[documents.cluster_id], atol=0.5
    )


def test_agents_see_features_only():
    videos = UtilityVideos(num_topics=10)
    documents = videos.describe(tf.constant([[3, 4]]), ())
    np.testing.assert_array_equal(videos.observe(documents), documents.features)
    assert videos.observation_bounds() == (-1.0, 1.0)


def test_tables_and_limits_may_differ_between_users():
    means = tf.constant([[0.5, -1.0, 2.0], [3.0, 1.0, 0.0]])
    videos = UtilityVideos(num_topics=3, topic_quality_means=means)
    mean = videos.reveal(videos.describe(tf.constant([[0, 2], [0, 2]]), ())).mean()
    np.testing.assert_allclose(mean, [[0.5, 2.0], [3.0, 0.0]])
    linear = UtilityVideos(num_topics=10, min_utility=tf.constant([-3.0, -1.0])).mean_quality()
    np.testing.assert_allclose(linear.numpy()[:, [0, 3, 9]], [[-3.0, -1.5, 3.0], [-1.0, -0.5, 3.0]])
    plain = PlainVideos(num_features=2, max_video_length=tf.constant([1.0, 2.0]))
    draw = plain.candidates(2, 3, (), ()).sample(seed=0)._replace(length=tf.fill([2, 3], 5.0))
    np.testing.assert_allclose(plain.describe(draw, ()).length, [[1.0] * 3, [2.0] * 3])


def test_plain_videos_have_the_constants_of_recsim():
    videos = PlainVideos()
    model = videos.candidates(2, 3, (), None).model
    features, length = model.features.distribution, model.length.distribution
    assert features.batch_shape == [2, 3, 20]
    np.testing.assert_array_equal(features.low, np.full([2, 3, 20], -1.0))
    assert float(features.high) == 1.0
    np.testing.assert_allclose(length.loc, np.full([2, 3], 4.3), rtol=1e-6)
    assert float(length.scale) == 1.0


def test_plain_videos_cap_their_length_and_have_quality_one():
    videos = PlainVideos()
    draw = random.sample(videos.candidates(2, 3, (), None), random.as_seed(0))
    documents = videos.describe(draw._replace(length=tf.constant([[4.0, 120.0, -0.5]] * 2)), ())
    np.testing.assert_array_equal(documents.length, [[4.0, 100.0, -0.5]] * 2)
    np.testing.assert_array_equal(documents.cluster_id, np.argmax(draw.features, -1))
    assert videos.reveal(documents) is None
    np.testing.assert_array_equal(videos.show(documents, ()).quality, np.ones([2, 3]))
