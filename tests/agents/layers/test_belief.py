# SPDX-License-Identifier: Apache-2.0
"""Layers of conversations: a belief about the user, and turns to choose from."""

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.trajectories import time_step as ts

import recsim_tf
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents import layers
from recsim_tf.agents.full_slate_q import FullSlateQNetwork, create_full_slate_q
from recsim_tf.agents.tabular_q import SlateCells, TabularQAgent
from recsim_tf.belief import GaussianBelief, TypesBelief
from recsim_tf.conversations import Act, ConversationUsers, Items, query
from recsim_tf.conversations.elicitation import (
    AskAttributes,
    CompareSet,
    Endorse,
    ShowSet,
)
from recsim_tf.conversations.elicitation.turns import CandidateTurns
from recsim_tf.conversations.parts import Patience
from recsim_tf.core.base.types import Turn
from recsim_tf.core.random import as_seed
from recsim_tf.core.step.turns import ActionFormat
from tests.agents.experience import collect

NUM_USERS, P, F, A = 6, 5, 2, 2
KINDS = [ShowSet(), Endorse(), CompareSet(), AskAttributes(A)]
SHOW, ENDORSE, COMPARE, ASK_FIRST, ASK_SECOND = range(5)


@pytest.fixture(scope="module")
def simulator():
    users = ConversationUsers(F, num_attributes=A, patience=Patience(20.0))
    documents = Items(5, F, directions=users.directions)
    return recsim_tf.make(
        "Conversation-v0",
        users=users,
        documents=documents,
        slate_size=2,
        num_candidates=4,
        num_chips=1,
        max_steps=6,
    )


@pytest.fixture(scope="module")
def belief(simulator):
    return TypesBelief(simulator.users, simulator.users.initial_draws(P).sample(seed=(0, 3)))


@pytest.fixture(scope="module")
def on_turns(simulator, belief):
    return layers.LayeredSimulator(simulator, layers.TurnLayer(simulator, KINDS, belief))


@pytest.fixture(scope="module")
def environment(on_turns):
    return SlateEnvironment(on_turns, NUM_USERS, seed=1)


def check_like_specs(spec, values):
    for leaf_spec, leaf in zip(tf.nest.flatten(spec), tf.nest.flatten(values), strict=True):
        assert (leaf.dtype, leaf.shape[1:]) == (leaf_spec.dtype, leaf_spec.shape), leaf_spec
        assert (leaf.numpy() >= leaf_spec.minimum).all(), leaf_spec
        assert (leaf.numpy() <= leaf_spec.maximum).all(), leaf_spec


@pytest.mark.slow
def test_the_agent_above_turns_chooses_one_of_its_turns_and_sees_what_each_is_worth(
    environment, on_turns
):
    assert on_turns.action_format == ActionFormat(1, 5)
    assert environment.action_spec().shape == [1]
    assert environment.action_spec().maximum == 4
    assert len(on_turns.layer.labels) == 5
    spec = environment.observation_spec()
    time_step = environment.reset()
    check_like_specs(spec, time_step.observation)
    assert not np.any(time_step.observation.user.turn)
    for number, action in enumerate([ASK_SECOND, COMPARE, SHOW]):
        time_step = environment.step(tf.fill([NUM_USERS, 1], action))
        check_like_specs(spec, time_step.observation)
        user, documents, _ = time_step.observation
        stayed = time_step.step_type != ts.StepType.FIRST
        np.testing.assert_allclose(user.turn[stayed], (number + 1) / 10)
        # Questions offer nothing, and the set is worth at least what is endorsed with it.
        reward = documents.reward.numpy()
        assert not reward[:, COMPARE:].any()
        assert (reward[:, SHOW] >= reward[:, ENDORSE] - 1e-6).all()
    np.testing.assert_array_equal(documents.index, np.tile(np.arange(5), [NUM_USERS, 1]))


@pytest.mark.slow
def test_the_turn_that_is_chosen_is_shown(simulator, belief, on_turns):
    state = on_turns.reset(NUM_USERS, seed=0)
    candidates, tracker = CandidateTurns(simulator, KINDS), on_turns.layer._tracker
    for step in range(2):
        action = tf.constant([SHOW, ENDORSE, COMPARE, ASK_FIRST, ASK_SECOND, SHOW])[:, tf.newaxis]
        believed = tracker.candidates(state.memory.belief, simulator.observe(state.below))
        expected = tf.nest.map_structure(
            lambda leaf, rows=action: tf.gather(leaf, rows[:, 0], batch_dims=1),
            candidates.turns(believed, as_seed(0)),
        )
        items = tf.gather(state.below.candidates, tf.maximum(expected.slate, 0), batch_dims=1)
        active = ~state.done.numpy()
        state, decision = on_turns.step(state, action, seed=step)
        shown = state.below.response
        ids = np.where(expected.slate >= 0, items, -1)
        np.testing.assert_array_equal(shown.item_id[active], ids[active])
        np.testing.assert_array_equal(shown.act[active], expected.query.act[active])
        np.testing.assert_array_equal(shown.attributes[active], expected.query.attributes[active])
        assert decision.reward.shape == [NUM_USERS]


def test_the_belief_is_added_to_what_is_seen_of_the_user(simulator, belief):
    layered = layers.LayeredSimulator(simulator, layers.BeliefLayer(simulator, belief))
    assert layered.action_format == simulator.action_format
    state = layered.reset(NUM_USERS, seed=0)
    slate = tf.tile([[0, 1]], [NUM_USERS, 1])
    asked = Turn(slate, query(Act.COMPARE, num_chips=1, num_users=NUM_USERS))
    for turn in (None, asked):
        if turn is not None:
            state, _ = layered.step(state, turn, seed=1)
        observation = layered.observe(state)
        check_like_specs(layered.observation_spec(), observation)
        found = observation.user.sufficient_statistics
        users, weights = belief.particles(state.memory)
        taste, weights = users.taste.numpy(), weights.numpy()
        mean = np.einsum("bp,bpf->bf", weights, taste)
        np.testing.assert_allclose(found.mean, mean, atol=1e-5)
        square = np.einsum("bp,bpf->bf", weights, taste**2)
        np.testing.assert_allclose(found.stddev, np.sqrt(square - mean**2), atol=1e-4)
        documents = observation.documents
        utilities = (
            np.einsum("bpf,bnf->bpn", taste, documents.factors)
            + documents.bias.numpy()[:, np.newaxis]
        )
        best = np.einsum("bp,bpn->bn", weights, utilities).max(axis=1)
        np.testing.assert_allclose(found.best, best, atol=1e-5)
        known = np.einsum("bp,bp->b", weights, utilities.max(axis=2))
        np.testing.assert_allclose(found.gap, known - best, atol=1e-5)
    assert np.ptp(found.mean, axis=0).max() > 0


def test_a_gaussian_belief_is_the_memory_by_default(simulator):
    layer = layers.BeliefLayer(simulator)
    memory = layer.memory_spec(simulator.observation_spec(), simulator.action_format)
    specs = GaussianBelief(simulator.users).initial_state(1)
    for spec, leaf in zip(*map(tf.nest.flatten, (memory, specs)), strict=True):
        assert (spec.shape, spec.dtype) == (leaf.shape[1:], leaf.dtype)


def make_dqn(environment, counter):
    def network(spec, slate_size):
        return FullSlateQNetwork(spec, slate_size, (8,))

    return create_full_slate_q(environment, counter, network)


def make_tabular(environment, counter):
    specs = environment.time_step_spec(), environment.action_spec()
    cells = SlateCells(specs[0].observation, 1, discretization_bounds=(0.0, 2.5), number_bins=4)
    return TabularQAgent(*specs, cells, train_step_counter=counter)


def trained(environment, make):
    """An agent that has learnt a little from what its collect policy met."""
    agent = make(environment, tf.Variable(0, dtype=tf.int64))
    agent.initialize()
    experience = collect(environment, agent.collect_policy, 2)
    losses = [float(agent.train(experience).loss) for _ in range(3)]
    assert np.isfinite(losses).all()
    assert losses[2] < losses[0]
    return agent


@pytest.mark.slow
def test_tabular_q_learns_on_turns(environment, on_turns, simulator):
    agent = trained(environment, make_tabular)
    served = layers.serve(on_turns, agent.policy)
    observation = simulator.observe(simulator.reset(4, seed=0))
    action = served.action(ts.restart(observation, 4), served.get_initial_state(4)).action
    assert set(action.query.act.numpy()) <= {Act.RECOMMEND, Act.ENDORSE, Act.COMPARE, Act.ASK}


@pytest.mark.slow
def test_dqn_learns_on_turns(environment):
    trained(environment, make_dqn)


@pytest.mark.slow
def test_a_served_policy_takes_any_number_of_users(simulator, belief):
    layer = layers.TurnLayer(simulator, [ShowSet(), CompareSet()], belief)
    layered = layers.LayeredSimulator(simulator, layer)
    agent = make_dqn(SlateEnvironment(layered, NUM_USERS), tf.Variable(0, dtype=tf.int64))
    served = layers.serve(layered, agent.policy)
    assert isinstance(served.action_spec, Turn)
    signature = tf.nest.map_structure(
        lambda spec: tf.TensorSpec([None, *spec.shape], spec.dtype),
        (served.time_step_spec, served.policy_state_spec),
    )
    act = tf.function(served.action, input_signature=signature, autograph=False)
    state = simulator.reset(3, seed=0)
    now = ts.restart(simulator.observe(state), 3), served.get_initial_state(3)
    found = act(*now).action
    tf.nest.map_structure(np.testing.assert_array_equal, found, served.action(*now).action)
    simulator.step(state, found, 0)
