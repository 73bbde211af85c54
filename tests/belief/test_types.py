# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.belief import TypesBelief
from recsim_tf.core import nests
from recsim_tf.core.base.types import Clicks
from recsim_tf.core.runs.execution import compiled
from tests.belief.users import Choosers, normal_tastes, slates
from tests.rollout_policies import uniform_random

NUM_USERS, NUM_TYPES, NUM_STEPS = 6, 5, 4
TYPES = np.random.default_rng(0).normal(size=[NUM_TYPES, 3]).astype("f")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["DriftingTaste-v0", "InterestExploration-v1"])
def test_the_belief_in_two_types_differs_by_their_log_probabilities_of_the_session(name):
    users = recsim_tf.make(name, slate_size=2, num_candidates=5).users
    if name == "DriftingTaste-v0":
        # Types move with what is clicked.
        users = users.with_parameters({"gain": 0.7, "choice_model.no_click_mass": 0.5})
    simulator = recsim_tf.make(name, slate_size=2, num_candidates=5, users=users)
    rollout = compiled(lambda: simulator.rollout(uniform_random(2), NUM_USERS, NUM_STEPS, seed=3))
    trajectory = rollout()
    types = tf.nest.map_structure(
        lambda leaf: leaf[:NUM_TYPES], simulator.users.initial_draws(20).sample(seed=(0, 1))
    )
    belief = TypesBelief(simulator.users, types)
    belief_state = belief.initial_state(NUM_USERS)
    states = compiled(simulator.replay)(trajectory)
    for step in range(NUM_STEPS):
        state, transition = nests.at_step((states, trajectory.transitions), step)
        seen = simulator.users.observe_response(transition.response)
        belief_state = belief.update(belief_state, simulator.shown(state, transition), seen)
    log_weights = np.log(belief.particles(belief_state).weights)

    @compiled
    def log_prob(draws):
        initial = trajectory.initial._replace(user=draws)
        return simulator.log_prob(trajectory._replace(initial=initial)).response

    def repeated(index):
        return tf.nest.map_structure(
            lambda leaf: tf.repeat(leaf[index : index + 1], NUM_USERS, axis=0), types
        )

    expected = np.stack([log_prob(repeated(index)) for index in range(NUM_TYPES)], axis=1)
    assert np.ptp(expected, axis=1).min() > 0.05
    np.testing.assert_allclose(
        log_weights - log_weights[:, :1], expected - expected[:, :1], atol=1e-5
    )


class Quitters(Choosers):
    """Users who leave by a hazard that their state decides."""

    def departure(self, state):
        return tfd.Bernoulli(logits=state[:, 0])


def test_that_a_user_stayed_tells_of_a_hazard():
    belief = TypesBelief(Quitters(prior=normal_tastes(3)), TYPES)
    slate = slates(np.zeros([2, 3, 3], "f"))
    belief_state = belief.update(belief.initial_state(2), slate, Clicks(tf.eye(2, 3)))
    stays = 1 / (1 + np.exp(TYPES[:, 0]))
    np.testing.assert_allclose(
        belief.particles(belief_state).weights, np.tile(stays / stays.sum(), [2, 1]), rtol=1e-5
    )


def test_what_no_type_explains_is_passed_over_and_impossible_types_have_weight_zero():
    # Whoever is certain to choose never chooses nothing.
    belief = TypesBelief(Choosers(prior=normal_tastes(3), no_click_mass=-float("inf")), TYPES)
    slate = slates(np.zeros([2, 3, 3], "f"))
    nothing = Clicks(tf.zeros([2, 3]))
    before = belief.initial_state(2)
    after = belief.update(before, slate, nothing)
    np.testing.assert_array_equal(after.log_likelihoods, before.log_likelihoods)
    features = np.zeros([2, 3, 3], "f")
    features[:, 0, 0] = 1e6
    with tf.GradientTape() as tape:
        features = tf.constant(features)
        tape.watch(features)
        after = belief.update(after, slates(features), Clicks(tf.eye(2, 3)))
        weights = belief.particles(after).weights
        loss = tf.reduce_sum(weights**2)
    np.testing.assert_array_equal(weights[0] > 0, TYPES[:, 0] > 0)
    np.testing.assert_array_equal(weights[1] > 0, TYPES[:, 0] < 0)
    assert np.isfinite(tape.gradient(loss, features)).all()
