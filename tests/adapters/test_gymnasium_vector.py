# SPDX-License-Identifier: Apache-2.0
import copy
import itertools
import pickle

import gymnasium
import numpy as np
import pytest
import tensorflow as tf
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import iterate

import recsim_tf
import recsim_tf.adapters.gymnasium
from recsim_tf.adapters.gymnasium import GymnasiumEnvironment, GymnasiumVectorEnvironment
from recsim_tf.adapters.gymnasium.spaces import flat
from tests.adapters.gymnasium_sessions import (
    NUM_USERS,
    SLATE,
    odd_sessions,
    run,
    short_sessions,
    vector_environment,
)
from tests.alike import assert_equal
from tests.core.toy import toy_simulator
from tests.refusals import assert_refused

NUM_STEPS = 40
SLATES = np.tile(SLATE, [NUM_USERS, 1])


@pytest.fixture(scope="module")
def vector_steps():
    """Steps [NUM_STEPS, B, ...] of users who come and go."""
    environment = vector_environment()
    environment.reset()
    return run(environment, NUM_STEPS, SLATES)


def test_a_vector_environment_resets_at_the_next_step(vector_steps):
    observation, reward, terminated, truncated, info = vector_steps
    assert vector_environment().metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP
    assert terminated.any()
    assert truncated.any()
    assert not (terminated & truncated).any()
    ended = terminated | truncated
    first, before = ended[:-1], ~ended[:-1]
    # A user's interests move in the clicked topic only, a newcomer's differ everywhere.
    moved = (observation["user"][1:] != observation["user"][:-1]).sum(-1)
    assert moved[before].max() <= 1
    assert moved[first].min() == 20
    np.testing.assert_array_equal(info["_response"][1:], before)
    for responses in (observation["response"], info["response"]):
        assert not any(leaf[1:][first].any() for leaf in responses.values())
        assert responses["quality"][1:][before].all()
    np.testing.assert_allclose(reward, observation["response"]["watch_time"].sum(-1))
    assert not ended[1:][first].any()


@pytest.fixture(scope="module")
def same_steps():
    """The same users, with new ones in the step in which they leave: the results of each step."""
    environment = vector_environment(autoreset_mode=AutoresetMode.SAME_STEP)
    environment.reset()
    return [environment.step(SLATES) for _ in range(NUM_STEPS)]


def test_a_first_session_is_the_same_in_both_modes(vector_steps, same_steps):
    observations, reward, terminated, truncated, info = vector_steps
    ended = terminated | truncated
    for user, last in enumerate(ended.argmax(axis=0)):
        for step in range(last + 1):
            same, same_reward, same_terminated, same_truncated, same_info = same_steps[step]
            assert same_reward[user] == reward[step, user]
            assert same_terminated[user] == terminated[step, user]
            assert same_truncated[user] == truncated[step, user]
            response = same_info["response"]
            if step == last:
                same, response = same_info["final_obs"], same_info["final_info"]["response"]
                assert_equal(same[user], at(observations, step, user))
            else:
                assert_equal(at(same, user), at(observations, step, user))
            assert_equal(at(response, user), at(info["response"], step, user))


def at(nest, *index):
    return tf.nest.map_structure(lambda leaf: leaf[index], nest)


def test_in_the_same_step_a_new_user_takes_the_place(same_steps):
    num_ended = 0
    for (before, *_), (after, _, terminated, truncated, info) in itertools.pairwise(same_steps):
        ended = terminated | truncated
        num_ended += ended.sum()
        moved = (after["user"] != before["user"]).sum(-1)
        assert (moved[ended] == 20).all()
        assert (moved[~ended] <= 1).all()
        np.testing.assert_array_equal(info["_response"], ~ended)
        for response in (after["response"], info["response"]):
            assert not any(leaf[ended].any() for leaf in response.values())
            assert response["quality"][~ended].all()
        assert ("final_obs" in info) == ended.any()
        if ended.any():
            np.testing.assert_array_equal(info["_final_obs"], ended)
            assert [last is not None for last in info["final_obs"]] == ended.tolist()
            final = info["final_info"]["response"]["quality"]
            assert final[ended].all()
            assert not final[~ended].any()
    assert num_ended > NUM_USERS


@pytest.mark.slow
def test_the_info_of_the_same_step_has_the_form_of_gymnasium_s_own_environments():
    simulator = toy_simulator(limit=2.0)
    own = gymnasium.vector.SyncVectorEnv(
        [lambda: GymnasiumEnvironment(simulator)] * 2, autoreset_mode=AutoresetMode.SAME_STEP
    )
    ours = GymnasiumVectorEnvironment(simulator, 2, autoreset_mode="SameStep")
    assert ours.metadata["autoreset_mode"] == own.metadata["autoreset_mode"]
    infos = []
    for environment in (own, ours):
        environment.reset()
        for _ in range(2):
            info = environment.step(np.array([[1, 0], [1, 0]]))[-1]
        infos.append(info)
    assert set(infos[0]) == set(infos[1])
    assert infos[0]["final_obs"].dtype == infos[1]["final_obs"].dtype == object
    for their_last, our_last in zip(infos[0]["final_obs"], infos[1]["final_obs"], strict=True):
        tf.nest.assert_same_structure(their_last, our_last)
        assert our_last in ours.single_observation_space
    # Gymnasium has a mask for every entry of a nested info, beside it.
    assert set(infos[0]["final_info"]["response"]) > set(infos[1]["final_info"]["response"])
    for name in ("_final_obs", "_final_info"):
        np.testing.assert_array_equal(infos[0][name], infos[1][name])


def test_an_unknown_mode_is_refused():
    assert_refused(
        lambda: GymnasiumVectorEnvironment(short_sessions(), 1, autoreset_mode="Disabled"),
        "autoreset_mode must be one of NextStep, SameStep, got 'Disabled'",
    )


# Copies, pickles and flat observations.


def pickled(environment):
    return pickle.loads(pickle.dumps(environment))


BUILDS = {
    "one user": lambda: gymnasium.make(
        "recsim_tf/InterestEvolution-v1", seed=3, slate_size=2, num_candidates=5
    ),
    "many users": vector_environment,
}


@pytest.mark.slow
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


@pytest.mark.slow
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
