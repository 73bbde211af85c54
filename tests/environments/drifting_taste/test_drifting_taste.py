# SPDX-License-Identifier: Apache-2.0
import numpy as np
import tensorflow as tf

from recsim_tf import choice, policies
from recsim_tf.core.base.types import Slate
from recsim_tf.environments.drifting_taste import Catalogue, DriftingTasteUsers, drifting_taste

BIAS = np.float32([0.5, 0.0, -1.0, 0.2])
FACTORS = np.float32([[1, 0], [0, 1], [1, 1], [-1, 0.5]])


def catalogue(**arguments) -> Catalogue:
    return Catalogue(4, 2, **{"bias": BIAS, "factors": FACTORS, **arguments})


def test_choices_are_a_softmax_of_bias_and_taste():
    users, items = DriftingTasteUsers(2), catalogue()
    state = users.initial_state(tf.constant([[1.0, 2.0]]))._replace(drift=tf.constant([[0.5, 0.0]]))
    slate = Slate(items.describe(tf.constant([[0, 1, 2]]), ()), tf.constant([[True, True, False]]))
    scores = np.array([0.5 + 1.5, 2.0])
    expected = np.exp(scores) / np.exp(scores).sum()
    np.testing.assert_allclose(users.response(state, slate).probs, [[*expected, 0, 0]], rtol=1e-5)


def test_drift_decays_towards_what_is_chosen_and_rests_without_a_choice():
    users, items = (
        DriftingTasteUsers(
            2,
            gain=[0.1, 0.2],
            decay=[0.5, 1.0],
            choice_model=choice.MultinomialLogit(no_click_mass=0.0),
        ),
        catalogue(),
    )
    state = users.initial_state(tf.zeros([2, 2]))._replace(
        drift=tf.constant([[2.0, 2.0], [2.0, 2.0]])
    )
    slate = Slate(items.describe(tf.constant([[3, 0], [3, 0]]), ()), tf.ones([2, 2], tf.bool))
    response = users.outcome(state, slate, tf.constant([0, 2]))
    moved = users.update(state, slate, response, ())
    np.testing.assert_allclose(moved.drift, [[0.5 * 2 - 0.1, 2 + 0.2 * 0.5], [2, 2]], rtol=1e-6)
    np.testing.assert_array_equal(moved.initial_taste, state.initial_taste)


def test_a_pull_of_its_own_moves_the_taste_elsewhere_than_the_factors():
    users, items = (
        DriftingTasteUsers(2, gain=1.0, decay=1.0),
        catalogue(pull=np.float32([[0, 7], [0, 0], [0, 0], [0, 0]])),
    )
    state = users.initial_state(tf.zeros([1, 2]))
    slate = Slate(items.describe(tf.constant([[0]]), ()), tf.ones([1, 1], tf.bool))
    moved = users.update(state, slate, users.outcome(state, slate, tf.constant([0])), ())
    np.testing.assert_array_equal(moved.drift, [[0, 7]])


def test_candidates_may_be_drawn_by_popularity_and_without_replacement():
    popularity = np.float32([1, 0, 2, 5])
    items = catalogue(popularity=popularity, replacement=False)
    simulator = drifting_taste(DriftingTasteUsers(2), items, slate_size=2, num_candidates=3)
    drawn = simulator.reset(10, seed=0).candidates
    np.testing.assert_array_equal(np.sort(drawn, axis=1), np.tile([0, 2, 3], [10, 1]))
    trajectory = simulator.rollout(policies.random_policy(simulator), 10, 2, seed=1)
    variable = tf.Variable(popularity)
    with tf.GradientTape() as tape:
        model = simulator.with_parameters({"documents.popularity": variable})
        total = tf.reduce_sum(model.log_prob(trajectory).documents)
    assert np.isfinite(total)
    assert tape.gradient(total, variable).numpy()[0] != 0


def test_agents_may_see_ids_of_candidates_only_and_users_behave_the_same():
    simulators = [
        drifting_taste(
            DriftingTasteUsers(2), catalogue(ids_only=ids_only), slate_size=2, num_candidates=4
        )
        for ids_only in (False, True)
    ]
    slate = tf.tile([[3, 1]], [5, 1])
    items, ids = (
        simulator.observe(simulator.reset(5, seed=0)).documents for simulator in simulators
    )
    assert (ids.shape, ids.dtype) == ([5, 4], tf.int32)
    np.testing.assert_array_equal(ids, items.item_id)
    bounds = simulators[1].documents.observation_bounds()
    assert (bounds.low, bounds.high) == (0, 3)
    trajectories = [
        simulator.rollout(lambda seen, policy_state, seed: (slate, policy_state), 5, 4, seed=1)
        for simulator in simulators
    ]
    tf.nest.map_structure(np.testing.assert_array_equal, *trajectories)
