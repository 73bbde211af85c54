# SPDX-License-Identifier: Apache-2.0
import functools

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.drivers import dynamic_step_driver
from tf_agents.environments import tf_environment
from tf_agents.policies import policy_saver, random_tf_policy, tf_policy
from tf_agents.replay_buffers import tf_uniform_replay_buffer
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import StepType, policy_step
from tf_agents.trajectories import time_step as ts

from recsim_tf.adapters.tf_agents import (
    SlateEnvironment,
    TFSlatePolicy,
    action_spec,
    rollout_policy,
)
from recsim_tf.core import nests
from recsim_tf.core.base.types import StatefulPolicy
from recsim_tf.environments.interest_evolution import (
    InterestEvolutionUsers,
    UtilityVideos,
    interest_evolution,
)
from recsim_tf.policies import random_policy
from tests.alike import assert_equal
from tests.questions import Question, ask
from tests.questions import simulator as asked
from tests.refusals import assert_refused
from tests.rollout_policies import first_positions

NUM_USERS, SLATE_SIZE, NUM_CANDIDATES, BUDGET = 8, 2, 6, 9.0
SLATE = np.tile(np.int32([4, 1]), [NUM_USERS, 1])


def simulator(time_budget=BUDGET, **kwargs):
    """Short sessions: about three clicks."""
    users = InterestEvolutionUsers(num_features=10, time_budget=time_budget)
    return interest_evolution(
        slate_size=SLATE_SIZE,
        num_candidates=NUM_CANDIDATES,
        users=users,
        documents=UtilityVideos(num_topics=10),
        **kwargs,
    )


def environment(seed=3, **kwargs):
    return SlateEnvironment(simulator(**kwargs), NUM_USERS, seed=seed)


def stepper(env):
    return tf.function(env.step, autograph=False)


@functools.cache
def traced():
    env = environment()
    return env, stepper(env)


def begun(seed=3):
    """An environment at its start, and its step, which all tests share as one graph."""
    env, step = traced()
    start = environment(seed).variables.state
    tf.nest.map_structure(lambda leaf, value: leaf.assign(value), env.variables.state, start)
    return env, step


def run(env, step, num_steps):
    """The time steps [T + 1, B] from the current one on, of a fixed slate."""
    time_steps = [env.current_time_step(), *(step(tf.constant(SLATE)) for _ in range(num_steps))]
    return tf.nest.map_structure(lambda *leaves: np.stack(leaves), *time_steps)


def differs(one, other):
    return not np.array_equal(one.observation.user, other.observation.user)


@pytest.fixture(scope="module")
def session_steps():
    """Time steps [61, B], in which every user leaves at least once."""
    return run(*begun(), 60)


def test_specs_are_named_and_bounded_by_what_the_models_declare():
    env = environment()
    observation, action = env.observation_spec(), env.action_spec()
    assert isinstance(env, tf_environment.TFEnvironment)
    assert env.batch_size == NUM_USERS
    assert [spec.name for spec in tf.nest.flatten(observation)] == [
        "user",
        "documents",
        "response/clicked",
        "response/watch_time",
        "response/liked",
        "response/quality",
        "response/cluster_id",
    ]
    bounded, float_min = tensor_spec.BoundedTensorSpec, tf.float32.min
    assert observation.user == bounded([10], tf.float32, -1, 1, "user")
    assert observation.documents.shape == [6, 10]
    assert observation.response.cluster_id == bounded([2], tf.int32, 0, 9, "response/cluster_id")
    assert observation.response.quality.minimum == float_min
    assert action == bounded([2], tf.int32, 0, 5, "slate")


def test_sessions_begin_with_first_at_construction_and_at_reset():
    env, step = begun()
    constructed = env.current_time_step()
    step(tf.constant(SLATE))
    reset = env.reset()
    for time_step in (constructed, reset):
        assert_equal(time_step.step_type, np.full(NUM_USERS, ts.StepType.FIRST))
        assert_equal(time_step.reward, np.zeros(NUM_USERS))
        assert_equal(time_step.discount, np.ones(NUM_USERS))
        tf.nest.map_structure(
            lambda leaf: assert_equal(leaf, np.zeros_like(leaf)), time_step.observation.response
        )
    assert differs(constructed, reset)
    assert_equal(env.current_time_step(), reset)
    after = step(tf.constant(SLATE))
    assert_equal(env.current_time_step(), after)


def test_step_types_follow_each_other_as_sessions_do(session_steps):
    before, after = session_steps.step_type[:-1], session_steps.step_type[1:]
    assert (session_steps.step_type == ts.StepType.LAST).any(axis=0).all()
    assert_equal(after == ts.StepType.FIRST, before == ts.StepType.LAST)


def test_rewards_are_those_of_the_response_observed_with_them(session_steps):
    assert_equal(session_steps.reward, session_steps.observation.response.watch_time.sum(-1))
    assert session_steps.reward.any()


def test_last_carries_the_observation_of_the_user_who_leaves_with_discount_zero(session_steps):
    last = session_steps.step_type == ts.StepType.LAST
    assert_equal(session_steps.discount, np.where(last, 0, 1))
    # A user's interests move in the clicked topic only, a newcomer's differ everywhere.
    user = session_steps.observation.user
    moved = (np.abs(user[1:] - user[:-1]) > 0).sum(-1)
    assert moved[last[1:]].max() <= 1
    assert moved[last[:-1]].min() == 10
    # The response that ended the session is seen with LAST.
    assert session_steps.observation.response.quality[last].all()


def test_the_action_for_a_user_who_has_left_is_ignored_valid_or_not():
    expected = run(*begun(), 25)
    _, step = begun()
    ignored = np.int32([[0, 3], [99, -7], [2, 2], [-1, -1]] * 2)
    left = expected.step_type == ts.StepType.LAST
    assert left[:-1].any(axis=0).all()
    for number in range(25):
        slate = np.where(left[number][:, np.newaxis], ignored, SLATE)
        found = step(tf.constant(slate))
        assert_equal(found, nests.at_step(expected, number + 1))


def test_the_time_limit_has_last_with_discount_one():
    env = environment(time_budget=200.0, max_steps=3)
    steps = run(env, stepper(env), 8)
    expected = [ts.StepType.FIRST, ts.StepType.MID, ts.StepType.MID, ts.StepType.LAST] * 2 + [
        ts.StepType.FIRST
    ]
    assert_equal(steps.step_type, np.tile(np.int32(expected)[:, np.newaxis], [1, NUM_USERS]))
    assert_equal(steps.discount, np.ones([9, NUM_USERS]))


def test_the_seed_decides_the_trajectory():
    one, same, other = (run(*begun(seed), 20) for seed in (5, 5, 6))
    assert_equal(one, same)
    assert differs(one, other)


def test_an_environment_restored_from_a_checkpoint_goes_on_identically(tmp_path):
    env, step = begun()
    run(env, step, 12)
    path = tf.train.Checkpoint(variables=env.variables).save(tmp_path / "checkpoint")
    expected = run(env, step, 20)
    restored, step = begun(seed=77)
    tf.train.Checkpoint(variables=restored.variables).restore(path).assert_consumed()
    assert_equal(run(restored, step, 20), expected)


def test_an_invalid_position_is_refused_in_either_mode_and_changes_nothing():
    env = environment()
    before = env.current_time_step()
    slate = tf.constant(np.concatenate([SLATE[1:], [[6, 1]]]), tf.int32)
    message = r"slate must hold candidate positions in \[0, 6\), or -1 for an empty position"
    assert_refused(lambda: env.step(slate), message)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        stepper(env)(slate)
    assert_equal(env.current_time_step(), before)


def test_an_environment_is_of_a_source_of_sessions():
    with pytest.raises(ValueError, match=r"^simulator must be a SessionSource, got str$"):
        SlateEnvironment("InterestEvolution-v1", NUM_USERS)


def slate_policy(env, **kwargs):
    return TFSlatePolicy(
        env.time_step_spec(), env.action_spec(), random_policy(env.simulator), **kwargs
    )


def test_a_slate_policy_reproduces_itself_from_its_seed_and_moves_on():
    env = environment()
    time_step = env.current_time_step()

    def slates(seed):
        policy = slate_policy(env, seed=seed)
        action = tf.function(policy.action, autograph=False)
        return np.stack([action(time_step).action for _ in range(3)])

    one = slates(1)
    assert_equal(one, slates(1))
    assert not np.array_equal(one, slates(2))
    assert not np.array_equal(one[0], one[1])


def test_a_slate_policy_restored_from_a_checkpoint_goes_on_identically(tmp_path):
    env = environment()
    policy, restored = slate_policy(env, seed=1), slate_policy(env, seed=2)
    time_step = env.current_time_step()
    policy.action(time_step)
    path = tf.train.Checkpoint(policy=policy).save(tmp_path / "checkpoint")
    tf.train.Checkpoint(policy=restored).restore(path).assert_consumed()
    assert_equal(restored.action(time_step).action, policy.action(time_step).action)


def test_a_given_seed_decides_the_action_of_a_slate_policy():
    env = environment()
    time_step, seed = env.current_time_step(), tf.constant([3, 4])
    slate, _ = random_policy(env.simulator)(time_step.observation, (), seed)
    policy = slate_policy(env)
    assert_equal(policy.action(time_step, seed=seed).action, slate)
    assert_equal(policy.action(time_step, seed=seed).action, slate)


def test_the_distribution_of_a_slate_policy_is_a_point_mass():
    env = environment()
    policy = TFSlatePolicy(env.time_step_spec(), env.action_spec(), first_positions(SLATE_SIZE))
    distribution = policy.distribution(env.current_time_step()).action
    assert_equal(distribution.mode(), np.tile([0, 1], [NUM_USERS, 1]))


class Counting:
    """Shows the first candidates and counts the steps of a session."""

    def __init__(self, first: int):
        self._first = first

    def initial_state(self, num_users):
        return tf.fill([num_users], self._first)

    def __call__(self, observation, policy_state, seed):
        slate, _ = first_positions(SLATE_SIZE)(observation, (), seed)
        return slate, policy_state + 1


def test_a_slate_policy_keeps_its_state_within_a_session():
    env, step = begun()
    policy = TFSlatePolicy(env.time_step_spec(), env.action_spec(), Counting(first=5))
    assert policy.policy_state_spec == tf.TensorSpec([], tf.int32)
    action = tf.function(policy.action, autograph=False)
    state = policy.get_initial_state(NUM_USERS)
    time_step = env.current_time_step()
    expected = np.zeros(NUM_USERS, np.int32)
    for _ in range(20):
        chosen = action(time_step, state)
        state = chosen.state
        expected = np.where(time_step.is_first(), 5, expected) + 1
        assert_equal(state, expected)
        time_step = step(chosen.action)
    assert len(set(expected)) > 1


def test_a_slate_policy_in_a_rollout_is_the_policy_inside():
    pure = simulator()
    env = SlateEnvironment(pure, NUM_USERS)
    policy = rollout_policy(slate_policy(env))
    one = pure.rollout(policy, NUM_USERS, 5, seed=1)
    assert_equal(one, pure.rollout(random_policy(pure), NUM_USERS, 5, seed=1))


@pytest.mark.slow
def test_a_stateful_policy_of_tf_agents_keeps_and_resets_its_state_in_a_rollout():
    pure = simulator()

    env = SlateEnvironment(pure, NUM_USERS)

    class Turning(tf_policy.TFPolicy):
        def _action(self, time_step, policy_state, seed):
            slate = (policy_state[:, tf.newaxis] + [0, 1]) % NUM_CANDIDATES
            return policy_step.PolicyStep(slate, policy_state + 1)

    policy = rollout_policy(
        Turning(env.time_step_spec(), env.action_spec(), tf.TensorSpec([], tf.int32))
    )
    assert isinstance(policy, StatefulPolicy)
    transitions = pure.rollout(policy, NUM_USERS, 20, 0, auto_reset=True).transitions
    count = np.zeros(NUM_USERS, np.int32)
    for slate, terminated in zip(
        transitions.slate.numpy(), transitions.terminated.numpy(), strict=True
    ):
        assert_equal(slate[:, 0], count % NUM_CANDIDATES)
        count = np.where(terminated, 0, count + 1)


def test_reset_brings_new_users_but_keeps_persistent_candidates():
    environment = SlateEnvironment(interest_evolution(resample_documents=False), 4, seed=2)
    before, after = environment.current_time_step().observation, environment.reset().observation
    np.testing.assert_array_equal(before.documents, after.documents)
    assert not np.array_equal(before.user, after.user)


# Turns of a slate and a query.


NUM_ASKED = 4


@pytest.fixture
def asked_environment():
    return SlateEnvironment(asked(), NUM_ASKED, seed=1)


def asking(asked_environment):
    return TFSlatePolicy(asked_environment.time_step_spec(), asked_environment.action_spec(), ask)


def test_the_action_spec_is_a_bounded_turn(asked_environment):
    spec = asked_environment.action_spec()
    assert spec == action_spec(asked())
    assert isinstance(spec.query, Question)
    leaves = tf.nest.flatten(spec)
    assert [leaf.shape for leaf in leaves] == [[2], [], [2]]
    limits = [(leaf.minimum.min(), leaf.maximum.max()) for leaf in leaves]
    assert limits == [(0, 3), (0, 1), (0, 1)]


def test_drivers_and_replay_hold_turns(asked_environment):
    policy = asking(asked_environment)
    replay = tf_uniform_replay_buffer.TFUniformReplayBuffer(
        policy.trajectory_spec, NUM_ASKED, max_length=8
    )
    dynamic_step_driver.DynamicStepDriver(
        asked_environment, policy, [replay.add_batch], num_steps=8 * NUM_ASKED
    ).run()
    frames = replay.gather_all()
    np.testing.assert_array_equal(frames.action.query.is_asked, 1)
    assert np.any(frames.step_type == StepType.LAST)


def test_a_policy_of_tf_agents_gives_turns_in_a_rollout(asked_environment):
    policy = random_tf_policy.RandomTFPolicy(
        asked_environment.time_step_spec(), asked_environment.action_spec()
    )
    source = asked(allow_duplicates=True)
    trajectory = source.rollout(rollout_policy(policy), 50, 3, seed=1)
    assert 0.3 < np.mean(trajectory.transitions.query.is_asked) < 0.7


@pytest.mark.filterwarnings("ignore:Encoding a StructuredValue:UserWarning")
def test_a_saved_policy_returns_turns(asked_environment, tmp_path):
    policy_saver.PolicySaver(asking(asked_environment), batch_size=None).save(str(tmp_path))
    saved = tf.saved_model.load(str(tmp_path))
    action = saved.action(asked_environment.current_time_step()).action
    assert action.slate.shape == [NUM_ASKED, 2]
    np.testing.assert_array_equal(action.query.is_asked, 1)
