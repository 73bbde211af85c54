"""Turns of a slate and a query as actions of Gymnasium."""

import numpy as np
import pytest
from gymnasium import spaces

from recsim_tf.adapters.gymnasium import GymnasiumEnvironment, GymnasiumVectorEnvironment
from tests.questions import simulator

NUM_USERS = 4


def turns(is_asked=1, strength=0.5, slate=(0, 1)):
    return {
        "slate": np.tile(slate, [NUM_USERS, 1]),
        "query": {
            "is_asked": np.full([NUM_USERS], is_asked),
            "strength": np.full([NUM_USERS, 2], strength),
        },
    }


def test_the_action_space_is_a_dict_of_slate_and_query():
    environment = GymnasiumEnvironment(simulator())
    assert environment.action_space == spaces.Dict(
        slate=spaces.MultiDiscrete([4, 4]),
        query=spaces.Dict(is_asked=spaces.Discrete(2), strength=spaces.Box(0, 1, [2], np.float32)),
    )
    assert set(environment.observation_space) == {"user", "doc", "response"}


def test_a_vector_environment_asks_its_users():
    def clicks(is_asked):
        environment = GymnasiumVectorEnvironment(simulator(max_steps=50), NUM_USERS, seed=1)
        environment.reset()
        rewards = [environment.step(turns(is_asked, strength=1.0))[1] for _ in range(30)]
        return np.mean(rewards)

    assert clicks(1) > clicks(0) + 0.15


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (np.zeros([NUM_USERS, 2], int), "action must be a dict with slate, got ndarray"),
        ({"slate": np.zeros([NUM_USERS, 2], int)}, "action must be a dict with query, got one of"),
        ({**turns(), "query": {"strength": 1}}, "query must be a dict with is_asked, got one of"),
        (turns(is_asked=0.5), r"query.is_asked must be int32 \[4\], got float64"),
        (turns(is_asked=2), r"query.is_asked must be in \[0, 1\]"),
        (turns(slate=(-1, -1)), "a question must have an item"),
    ],
)
def test_a_bad_turn_is_refused_in_one_line(action, message):
    environment = GymnasiumVectorEnvironment(simulator(), NUM_USERS, seed=1)
    environment.reset()
    with pytest.raises(ValueError, match=message) as error:
        environment.step(action)
    assert "\n" not in str(error.value)
