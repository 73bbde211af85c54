import itertools

import gymnasium
import numpy as np
import pytest
import tensorflow as tf
from gymnasium.vector import AutoresetMode

from recsim_tf.adapters.gymnasium import GymnasiumEnvironment, GymnasiumVectorEnvironment
from tests.adapters.gymnasium_sessions import (
    NUM_USERS,
    SLATE,
    assert_equal,
    run,
    short_sessions,
    vector_environment,
)
from tests.core.toy import toy_simulator

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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_envs": 0}, "num_envs must be at least 1, got 0"),
        (
            {"num_envs": 1, "autoreset_mode": "Disabled"},
            "autoreset_mode must be one of NextStep, SameStep, got 'Disabled'",
        ),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        GymnasiumVectorEnvironment(short_sessions(), **arguments)
