import copy
import pickle

import gymnasium
import numpy as np
import pytest
import tensorflow as tf
from gymnasium.vector.utils import iterate

import recsim_tf
import recsim_tf.adapters.gymnasium
from recsim_tf.adapters.gymnasium import GymnasiumEnvironment
from recsim_tf.adapters.gymnasium.spaces import flat
from tests.adapters.gymnasium_sessions import (
    NUM_USERS,
    SLATE,
    assert_equal,
    odd_sessions,
    short_sessions,
    vector_environment,
)


def pickled(environment):
    return pickle.loads(pickle.dumps(environment))


BUILDS = {
    "one user": lambda: gymnasium.make(
        "recsim_tf/InterestEvolution-v1", seed=3, slate_size=2, num_candidates=5
    ),
    "many users": vector_environment,
}


@pytest.mark.parametrize("copied", [pickled, copy.deepcopy])
@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_a_copy_goes_on_with_the_same_steps(build, copied):
    environment = build()
    slates = np.broadcast_to(SLATE, environment.action_space.shape)
    before = copied(environment)
    assert_equal(before.reset(), environment.reset())
    environment.step(slates)
    after = copied(environment)
    expected = [environment.step(slates), environment.reset(), environment.step(slates)]
    # The copy is of its own: the steps of the original have not moved it.
    assert_equal([after.step(slates), after.reset(), after.step(slates)], expected)


def test_a_copy_of_an_environment_is_cheap():
    """It shares the compiled steps."""
    environment = BUILDS["one user"]()
    environment.reset()
    other = copy.deepcopy(environment)
    assert other.unwrapped is not environment.unwrapped
    assert other.unwrapped.simulator is environment.unwrapped.simulator
    assert other.unwrapped._session.steps is environment.unwrapped._session.steps


def test_a_pickle_keeps_the_values_of_variables():
    mass = tf.Variable(0.5)
    simulator = recsim_tf.make("InterestEvolution-v1", slate_size=2, num_candidates=5)
    simulator = simulator.with_parameters({"users.choice_model.no_click_mass": mass})
    environment = pickled(recsim_tf.adapters.gymnasium.GymnasiumEnvironment(simulator))
    value = environment.simulator.parameters()["users.choice_model.no_click_mass"]
    np.testing.assert_array_equal(value, 0.5)


@pytest.mark.parametrize(
    "build", [short_sessions, pytest.param(odd_sessions, marks=pytest.mark.slow)]
)
def test_a_flat_observation_has_the_entries_of_gymnasium_s_wrapper(build):
    simulator = build()
    wrapped = gymnasium.wrappers.FlattenObservation(GymnasiumEnvironment(simulator))
    ours = GymnasiumEnvironment(simulator, flatten=True)
    assert ours.observation_space.dtype == np.float32
    assert ours.observation_space.shape == wrapped.observation_space.shape
    np.testing.assert_array_equal(ours.observation_space.low, wrapped.observation_space.low)
    np.testing.assert_array_equal(ours.observation_space.high, wrapped.observation_space.high)
    np.testing.assert_array_equal(ours.reset()[0], wrapped.reset()[0])
    expected = wrapped.step(SLATE)[0]
    observation = ours.step(SLATE)[0]
    assert observation in ours.observation_space
    np.testing.assert_array_equal(observation, expected)


def test_flat_observations_of_many_users_are_those_of_each():
    """Also the last ones of users who leave."""
    nested, ours = (
        vector_environment(autoreset_mode="SameStep", flatten=flatten) for flatten in (False, True)
    )

    def flattened(observation):
        return gymnasium.spaces.flatten(nested.single_observation_space, observation)

    def of_all(observations):
        return [flattened(one) for one in iterate(nested.observation_space, observations)]

    np.testing.assert_array_equal(ours.reset()[0], of_all(nested.reset()[0]))
    num_last = 0
    for _ in range(6):
        expected, *_, expected_info = nested.step(np.tile(SLATE, [NUM_USERS, 1]))
        observations, *_, info = ours.step(np.tile(SLATE, [NUM_USERS, 1]))
        assert observations in ours.observation_space
        np.testing.assert_array_equal(observations, of_all(expected))
        for user in np.flatnonzero(info.get("_final_obs", [])):
            num_last += 1
            last = flattened(expected_info["final_obs"][user])
            np.testing.assert_array_equal(info["final_obs"][user], last)
    assert num_last


def test_categories_of_different_sizes_are_one_hot_side_by_side():
    space = gymnasium.spaces.MultiDiscrete([2, 4, 3], start=[0, 5, -1])
    np.testing.assert_array_equal(
        flat(tf.constant([[1, 6, -1], [0, 8, 1]]), space),
        [[0, 1, 0, 1, 0, 0, 1, 0, 0], [1, 0, 0, 0, 0, 1, 0, 0, 1]],
    )
