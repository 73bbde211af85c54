"""Layers on an environment with queries."""

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.adapters.tf_agents import SlateEnvironment, TFSlatePolicy
from recsim_tf.agents import layers
from recsim_tf.core import random
from recsim_tf.core.bounds import Bounds, bounded_specs
from recsim_tf.core.turns import ActionFormat
from recsim_tf.core.types import Turn
from tests.questions import SPEC, Question, question, simulator

NUM_USERS = 4


def persistent():
    return simulator(resample_documents=False, max_steps=6)


def turn(is_asked=0, slate=(0, 1)):
    return Turn(tf.constant([slate] * NUM_USERS), question(NUM_USERS, is_asked))


class Recorder(layers.Layer):
    """Remembers the turn that it passes on."""

    def memory_spec(self, observation_spec, actions):
        return Turn(tf.TensorSpec([actions.slate_size], tf.int32), actions.query_spec)

    def act(self, memory, observation, action):
        return action, action


def test_turns_are_held():
    layered = layers.LayeredSimulator(persistent(), Recorder())
    held = layers.LayeredSimulator(layered, layers.TemporalAggregation(2))
    assert held.query_spec is SPEC
    state, decision = held.step(held.reset(NUM_USERS, 1), turn(1, (2, 3)), 1)
    np.testing.assert_array_equal(state.below.memory.query.is_asked, 1)
    np.testing.assert_array_equal(state.below.below.num_steps, 2)
    assert decision.reward.shape == [NUM_USERS]
    policy = layers.LayeredPolicy(held, lambda *_: (turn(0), ()))
    source, memory = held.below.below, policy.initial_state(NUM_USERS)
    observation = held.below.below.observe(source.reset(NUM_USERS, 1))
    first, memory = policy(observation, memory, random.as_seed(1))
    changed = layers.LayeredPolicy(held, lambda *_: (turn(1, (2, 3)), ()))
    again, memory = changed(observation, memory, random.as_seed(1))
    other, _ = changed(observation, memory, random.as_seed(1))
    tf.nest.map_structure(np.testing.assert_array_equal, again, first)
    tf.nest.map_structure(np.testing.assert_array_equal, other, turn(1, (2, 3)))


def test_another_query_is_a_switch_and_the_last_one_is_shown():
    layered = layers.LayeredSimulator(persistent(), layers.SwitchingCost(10.0))
    state, costs = layered.reset(NUM_USERS, 1), []
    for number, is_asked in enumerate([0, 1, 1, 0]):
        action = turn(is_asked)._replace(query=question(NUM_USERS, is_asked, strength=0.0))
        state, decision = layered.step(state, action, random.as_seed(number))
        costs.append((decision.reward < 0).numpy().all())
        seen = layered.observe(state).user.last_query
        np.testing.assert_array_equal(seen.is_asked, is_asked)
    assert costs == [False, True, False, True]
    assert layered.observation_spec().user.last_query.strength.maximum == 1


def test_the_conditions_of_turns_hold_above_layers():
    layered = layers.LayeredSimulator(persistent(), Recorder())
    environment = SlateEnvironment(layered, NUM_USERS)
    with pytest.raises(ValueError, match="a question must have an item"):
        environment.step(turn(1, (-1, -1)))


class Menu(layers.Layer):
    """The agent chooses one of three entries: to show the first pair, the last pair, or to ask."""

    def action_format(self, below):
        return ActionFormat(slate_size=1, num_candidates=3)

    def observation_spec(self, observation_spec, actions):
        assert actions.num_candidates == 3
        entries = bounded_specs("documents", tf.TensorSpec([3], tf.int32), Bounds(0, 2))
        return observation_spec._replace(documents=entries)

    def augment(self, memory, observation):
        num_users = tf.shape(observation.user)[0]
        return observation._replace(documents=tf.tile([[0, 1, 2]], [num_users, 1]))

    def act(self, memory, observation, action):
        entry = action[:, 0]
        slate = tf.where(action == 1, [[2, 3]], [[0, 1]])
        asked = tf.cast(entry == 2, tf.int32)
        return memory, Turn(slate, Question(asked, tf.ones([tf.shape(entry)[0], 2])))


def test_a_layer_may_give_the_agent_a_menu_of_turns():
    layered = layers.LayeredSimulator(persistent(), Menu())
    assert layered.action_format == ActionFormat(1, 3)
    environment = SlateEnvironment(layered, NUM_USERS, seed=1)
    assert environment.action_spec().shape == [1]
    assert environment.action_spec().maximum == 2
    environment.step(tf.constant([[0], [1], [2], [2]]))
    with pytest.raises(ValueError, match=r"slate must hold candidate positions in \[0, 3\)"):
        environment.step(tf.constant([[0], [1], [2], [3]]))


def test_a_policy_over_a_menu_is_served_as_turns():
    layered = layers.LayeredSimulator(persistent(), Menu())
    environment = SlateEnvironment(layered, NUM_USERS)

    def asks(observation, policy_state, seed):
        return tf.fill([tf.shape(observation.user)[0], 1], 2), policy_state

    policy = TFSlatePolicy(environment.time_step_spec(), environment.action_spec(), asks)
    served = layers.serve(layered, policy)
    assert isinstance(served.action_spec, Turn)
    below = SlateEnvironment(persistent(), NUM_USERS)
    action = served.action(below.current_time_step(), served.get_initial_state(NUM_USERS)).action
    np.testing.assert_array_equal(action.query.is_asked, 1)
    trajectory = persistent().rollout(served.policy, NUM_USERS, 3, seed=1)
    np.testing.assert_array_equal(trajectory.transitions.query.is_asked, 1)
