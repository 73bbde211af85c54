"""Beliefs about users of conversations, whose likelihood is that of the simulation."""

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.belief import GaussianBelief, TypesBelief
from recsim_tf.conversations import Act, Items, query
from recsim_tf.conversations.elicitation.believing import Tracker
from recsim_tf.core.types import Turn
from tests.conversations import turns

NUM_USERS, NUM_TYPES, N = 20, 5, 4


@pytest.fixture(scope="module")
def simulator():
    users = turns.users(
        {"patience.initial": 40.0, "ratings.logit": 0.0, "refinements.logit": 0.0},
        leaves_satisfied=False,
    )
    documents = Items(7, turns.F, directions=users.directions)
    return recsim_tf.make(
        "Conversation-v0",
        users=users,
        documents=documents,
        num_chips=turns.C,
        num_candidates=N,
    )


@pytest.fixture(scope="module")
def types(simulator):
    return simulator.users.initial_draws(NUM_TYPES).sample(seed=(0, 1))


@pytest.mark.parametrize("kind", ["types", "Gaussian"])
def test_silence_changes_no_belief(simulator, types, kind):
    users = simulator.users
    belief = TypesBelief(users, types) if kind == "types" else GaussianBelief(users, 32)
    tracker = Tracker(simulator, belief)
    state = simulator.reset(NUM_USERS, seed=0)
    prior = tracker.initial_state(NUM_USERS)
    slate = tf.tile([[0, 1, 2]], [NUM_USERS, 1])
    _, asked = simulator.step(state, Turn(slate, query(Act.ASK, [0], turns.C, NUM_USERS)), seed=1)
    _, silent = simulator.step(
        state, Turn(slate, query(Act.SILENT, [0], turns.C, NUM_USERS)), seed=1
    )
    observation = simulator.observe(state)

    def after(belief_state, transition):
        seen = users.observe_response(transition.response)
        return tracker.update(belief_state, observation._replace(response=seen))

    def leaves(belief_state):
        return tf.nest.flatten(belief.particles(belief_state))

    before = after(prior, asked)
    pairs = zip(leaves(before), leaves(prior), strict=True)
    assert not all(np.array_equal(*pair) for pair in pairs)
    for start in (prior, before):
        for found in (tracker.update(start, observation), after(start, silent)):
            one, other = belief.particles(found), belief.particles(start)
            np.testing.assert_array_equal(one.state.taste, other.state.taste)
            np.testing.assert_array_equal(one.state.senses, other.state.senses)
            np.testing.assert_array_equal(one.weights, other.weights)
