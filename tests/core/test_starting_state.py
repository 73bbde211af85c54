# SPDX-License-Identifier: Apache-2.0
"""Rollouts that begin with a state."""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.logs import from_trajectory
from tests.core.toy import toy_simulator
from tests.refusals import assert_refused
from tests.rollout_policies import first_positions, uniform_random


@pytest.mark.parametrize("auto_reset", [False, True])
def test_a_rollout_goes_on_from_a_state(auto_reset):
    simulator = toy_simulator()
    seed = random.as_seed(3)
    initial_seed, _ = random.split_seed(seed, 2)
    state = simulator.reset(5, initial_seed)
    whole = simulator.rollout(uniform_random(2), 5, 4, seed, auto_reset)
    again = simulator.rollout(uniform_random(2), 5, 4, seed, auto_reset, state=state)
    tf.nest.map_structure(np.testing.assert_array_equal, again.transitions, whole.transitions)
    tf.nest.map_structure(np.testing.assert_array_equal, again.initial, state)
    states = simulator.replay(again), simulator.replay(whole)
    tf.nest.map_structure(np.testing.assert_array_equal, *states)
    rewards = simulator.fold(
        uniform_random(2),
        5,
        4,
        seed,
        lambda total, t: total + t.reward,
        tf.zeros([5]),
        auto_reset,
        state=state,
    )
    expected = tf.reduce_sum(whole.transitions.reward, axis=0)
    np.testing.assert_allclose(rewards, expected)


def test_the_start_of_users_is_found_by_the_gradient_of_what_was_seen():
    simulator = toy_simulator()
    start = simulator.reset(5, seed=0)

    def ratings(level):
        state = start._replace(user=start.user._replace(level=level))
        later = simulator.rollout(first_positions(2), 5, 2, seed=1, state=state)
        return later.transitions.response.rating

    guess = tf.Variable(tf.zeros([5]))
    with tf.GradientTape() as tape:
        errors = ratings(guess) - ratings(start.user.level)
        loss = tf.reduce_sum(tf.reduce_mean(errors**2, axis=[0, 2]))
    # A rating is a level plus noise, so the loss is quadratic and one step is enough.
    guess.assign_sub(0.5 * tape.gradient(loss, guess))
    np.testing.assert_allclose(guess, start.user.level, rtol=1e-4)


def test_what_came_before_a_state_is_not_scored_and_cannot_be_logged():
    simulator = toy_simulator()
    begun = simulator.rollout(first_positions(2), 4, 2, seed=1)
    state = simulator.replay(begun)
    later = simulator.rollout(
        first_positions(2), 4, 3, seed=2, state=tf.nest.map_structure(lambda leaf: leaf[-1], state)
    )
    scores = simulator.log_prob(later)
    np.testing.assert_array_equal(scores.initial, np.zeros(4))
    assert np.isfinite(scores.response).all()
    assert_refused(lambda: from_trajectory(later), "trajectory must begin with new users")
    with pytest.raises(ValueError, match="state must be of num_users=3, got 4"):
        simulator.rollout(first_positions(2), 3, 2, seed=1, state=later.initial)
    with pytest.raises(ValueError, match="state must be a SimulatorState, got int"):
        simulator.rollout(first_positions(2), 3, 2, seed=1, state=1)
