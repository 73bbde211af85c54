"""Turns of a slate and a query as actions of TF-Agents."""

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.drivers import dynamic_step_driver
from tf_agents.policies import policy_saver, random_tf_policy
from tf_agents.replay_buffers import tf_uniform_replay_buffer
from tf_agents.trajectories import StepType

from recsim_tf.adapters.tf_agents import (
    SlateEnvironment,
    TFSlatePolicy,
    action_spec,
    rollout_policy,
)
from tests.questions import Question, ask, simulator

NUM_USERS = 4


@pytest.fixture
def environment():
    return SlateEnvironment(simulator(), NUM_USERS, seed=1)


def asking(environment):
    return TFSlatePolicy(environment.time_step_spec(), environment.action_spec(), ask)


def test_the_action_spec_is_a_bounded_turn(environment):
    spec = environment.action_spec()
    assert spec == action_spec(simulator())
    assert isinstance(spec.query, Question)
    leaves = tf.nest.flatten(spec)
    assert [leaf.shape for leaf in leaves] == [[2], [], [2]]
    limits = [(leaf.minimum.min(), leaf.maximum.max()) for leaf in leaves]
    assert limits == [(0, 3), (0, 1), (0, 1)]


def test_drivers_and_replay_hold_turns(environment):
    policy = asking(environment)
    replay = tf_uniform_replay_buffer.TFUniformReplayBuffer(
        policy.trajectory_spec, NUM_USERS, max_length=8
    )
    dynamic_step_driver.DynamicStepDriver(
        environment, policy, [replay.add_batch], num_steps=8 * NUM_USERS
    ).run()
    frames = replay.gather_all()
    np.testing.assert_array_equal(frames.action.query.is_asked, 1)
    assert np.any(frames.step_type == StepType.LAST)


def test_a_policy_of_tf_agents_gives_turns_in_a_rollout(environment):
    policy = random_tf_policy.RandomTFPolicy(
        environment.time_step_spec(), environment.action_spec()
    )
    source = simulator(allow_duplicates=True)
    trajectory = source.rollout(rollout_policy(policy), 50, 3, seed=1)
    assert 0.3 < np.mean(trajectory.transitions.query.is_asked) < 0.7


@pytest.mark.filterwarnings("ignore:Encoding a StructuredValue:UserWarning")
def test_a_saved_policy_returns_turns(environment, tmp_path):
    policy_saver.PolicySaver(asking(environment), batch_size=None).save(str(tmp_path))
    saved = tf.saved_model.load(str(tmp_path))
    action = saved.action(environment.current_time_step()).action
    assert action.slate.shape == [NUM_USERS, 2]
    np.testing.assert_array_equal(action.query.is_asked, 1)
