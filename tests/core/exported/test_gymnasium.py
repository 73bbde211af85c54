# SPDX-License-Identifier: Apache-2.0
"""Users of an exported environment as a vector environment of Gymnasium."""

import numpy as np
import pytest

from tests.core.exported.readers import NUM_USERS, read_exported

jax = pytest.importorskip("jax", reason="the readers of an exported environment are in JAX")
gymnasium = pytest.importorskip("gymnasium")


@pytest.fixture
def users(folder, environment):
    return read_exported(folder, "in_gymnasium").GymnasiumVectorEnvironment(environment)


def test_steps_are_those_of_the_environment(users, environment):
    observation, info = users.reset(seed=3)
    assert info == {}
    key, first = jax.random.split(jax.random.key(3))
    expected, state = environment.reset(first)
    slates = np.tile(np.int32([1, 0]), [NUM_USERS, 1])
    for number in range(5):
        for name, space in users.single_observation_space.items():
            np.testing.assert_array_equal(observation[name], expected[name])
            assert space.contains(np.asarray(observation[name])[0])
        observation, reward, terminated, truncated, info = users.step(slates)
        key, now = jax.random.split(key)
        expected, state, rewards, done, ends = environment.step(now, state, slates)
        np.testing.assert_array_equal(reward, rewards)
        assert truncated.all() == (number == 3)
        assert not terminated.any()
        np.testing.assert_array_equal(info["_final_obs"], done)
        for name, last in ends["last_observation"].items():
            np.testing.assert_array_equal(info["final_obs"][name], last)


def test_a_seed_gives_the_same_users(users):
    first = users.reset(seed=3)[0]["documents"]
    other = users.reset()[0]["documents"]
    assert (first != other).any()
    assert (first == users.reset(seed=3)[0]["documents"]).all()


def test_a_step_needs_a_reset(users):
    with pytest.raises(gymnasium.error.ResetNeeded, match="call reset before step"):
        users.step(np.zeros([NUM_USERS, 2], np.int32))


def test_actions_have_the_space_of_slates(users):
    assert users.action_space.shape == (NUM_USERS, 2)
    assert users.single_action_space.low.min() == -1
    assert users.single_action_space.high.max() == 4
