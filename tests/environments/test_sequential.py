# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.core.base.types import Slate
from recsim_tf.core.random import as_seed
from recsim_tf.core.runs.execution import compiled
from tests.alike import assert_shares
from tests.environments.sequential import (
    JUMP_PROBS,
    NUM_ACTIONS,
    NUM_STATES,
    SequentialUsers,
    sequential,
)
from tests.rollout_policies import first_positions

OPTIMAL_VALUES = {
    0.0: (-10, 1, 1, 4, 0, 5),
    0.5: (-7.10072, 2.89928, 2.89928, 2.94964, 3.23741, 6.47482),
    0.9: (8.12425, 18.1242, 18.1242, 17.4118, 18.6036, 20.6706),
}


def tables():
    """Rewards [action, state] and transition probabilities [action, state, next state], as the
    models give them.
    """
    users = SequentialUsers(dtype=tf.float64)
    state = tf.tile(tf.range(NUM_STATES), [NUM_ACTIONS])
    slate = Slate(
        tf.repeat(tf.range(NUM_ACTIONS), NUM_STATES)[:, tf.newaxis],
        mask=tf.ones([len(state), 1], tf.bool),
    )
    response = users.outcome(state, slate, tf.zeros_like(state))
    innovation = users.innovation(state, slate, response)
    transitions = np.zeros([len(state), NUM_STATES])
    for jump in range(len(JUMP_PROBS)):
        # Without a draw, the jump is zero.
        prob = tf.where(
            innovation.validity_mask, innovation.distribution.prob(jump), float(jump == 0)
        )
        transitions += (
            prob.numpy()[:, np.newaxis]
            * np.eye(NUM_STATES)[users.update(state, slate, response, jump)]
        )
    rewards = tf.reshape(response.reward, [NUM_ACTIONS, NUM_STATES]).numpy()
    return rewards, transitions.reshape([NUM_ACTIONS, NUM_STATES, NUM_STATES])


@pytest.mark.parametrize("discount", OPTIMAL_VALUES)
def test_value_iteration_gives_the_known_optimal_values(discount):
    rewards, transitions = tables()
    values = np.zeros(NUM_STATES)
    for _ in range(300):
        values = (rewards + discount * transitions @ values).max(axis=0)
    np.testing.assert_allclose(values, OPTIMAL_VALUES[discount], atol=5e-5, rtol=5e-6)


def test_sessions_follow_the_transition_probabilities():
    _, transitions = tables()
    simulator = sequential(num_candidates=5, starting_probs=[1 / 6] * 6)
    trajectory = compiled(lambda seed: simulator.rollout(first_positions(1), 2000, 6, seed))(
        as_seed(0)
    )
    states = simulator.replay(trajectory).user.numpy()
    assert not trajectory.transitions.terminated.numpy().any()
    for state in range(NUM_STATES):
        after = states[1:][states[:-1] == state]
        share = np.bincount(after, minlength=NUM_STATES) / len(after)
        assert_shares(share, transitions[0, state], len(after))
