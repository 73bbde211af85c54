# SPDX-License-Identifier: Apache-2.0
"""The environment as a whole."""

import gin
import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.conversations import (
    Act,
    Items,
    chosen_utility,
    conversation_reward,
    query,
)
from recsim_tf.conversations.acts import alphabet
from recsim_tf.conversations.types import Response
from recsim_tf.core.random import as_seed
from recsim_tf.core.runs.execution import compiled
from recsim_tf.policies import random_policy
from tests.conversations import turns

NUM_USERS, NUM_STEPS = 40, 6


@pytest.fixture(scope="module")
def simulator():
    users = turns.users({"patience.initial": 3.0, "ratings.logit": 0.0}, leaves_satisfied=False)
    return recsim_tf.make(
        "Conversation-v0",
        users=users,
        documents=Items(8, turns.F, bias=0.3, directions=users.directions),
        num_chips=turns.C,
        num_candidates=5,
    )


@pytest.fixture(scope="module")
def trajectory(simulator):
    """Random turns: all acts occur, and all modes of replies."""

    @compiled
    def rollout(seed):
        return simulator.rollout(random_policy(simulator), NUM_USERS, NUM_STEPS, seed)

    return rollout(as_seed(2))


def test_before_the_first_turn_there_was_silence(simulator):
    state = simulator.reset(3, seed=0)
    assert all(not np.any(leaf) for leaf in tf.nest.flatten(state.response))


@pytest.mark.slow
def test_random_turns_have_all_acts_and_all_kinds_of_replies(simulator, trajectory):
    response = trajectory.transitions.response
    assert set(np.unique(response.act)) == set(Act)
    mode, _ = alphabet(turns.K, turns.A).split(response.symbol)
    assert set(np.unique(mode)) == set(range(6))
    active = trajectory.transitions.active.numpy()
    assert 0 < active[-1].sum() < NUM_USERS


@pytest.mark.slow
def test_a_turn_earns_the_utility_of_what_is_accepted_less_its_cost(trajectory):
    transitions = trajectory.transitions
    response, active = transitions.response, transitions.active.numpy()
    accepted = np.sum(response.accepted * response.utility, axis=-1)
    costs = np.where(response.act == Act.SILENT, 0, 0.1)
    np.testing.assert_allclose(transitions.reward, np.where(active, accepted - costs, 0), atol=1e-6)
    assert (accepted != 0).sum() > 5


def test_rewards_of_a_response():
    one = {
        "clicked": tf.constant([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]),
        "accepted": tf.constant([[0.0, 1.0], [0.0, 0.0], [0.0, 0.0]]),
        "utility": tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
        "act": tf.constant([1, 3, 4]),
    }
    rest = dict.fromkeys(("dwell", "symbol", "attributes", "item_id", "words"))
    response = Response(**one, **rest)
    costs = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    np.testing.assert_allclose(conversation_reward(response, costs), [1.9, -0.3, -0.4])
    np.testing.assert_allclose(chosen_utility(response), [2, 3, 0])
    with pytest.raises(ValueError, match="act_costs must be 7 numbers, got 2"):
        conversation_reward(response, (0.0, 1.0))


def test_gin_sets_constants_and_rewards():
    gin.parse_config(
        [
            "ConversationUsers.num_attributes = 7",
            "conversation_reward.act_costs = (0, 1, 1, 1, 1, 1, 1)",
            "conversation.num_chips = 2",
        ]
    )
    simulator = recsim_tf.make("Conversation-v0", slate_size=2)
    assert simulator.users.num_attributes == 7
    assert simulator.documents.directions is simulator.users.directions
    assert simulator.query_spec.attributes.shape == [2]
    state = simulator.reset(2, seed=0)
    turn = recsim_tf.Turn(tf.constant([[0, 1]] * 2), query(Act.ASK, [6], 2, num_users=2))
    _, transition = simulator.step(state, turn, seed=0)
    np.testing.assert_array_equal(transition.reward, [-1, -1])
