# SPDX-License-Identifier: Apache-2.0
"""Users as a vector environment of Stable-Baselines3, whose base class is replaced by an empty one
where the library is not installed.
"""

import importlib
import sys
import types

import numpy as np
import pytest

from recsim_tf.adapters.gymnasium import GymnasiumVectorEnvironment
from tests.adapters.gymnasium_sessions import short_sessions


class VecEnv:
    def __init__(self, num_envs, observation_space, action_space):
        self.num_envs = num_envs


@pytest.fixture(name="users")
def fixture_users(monkeypatch):
    name = "stable_baselines3.common.vec_env"
    for module in ("stable_baselines3", "stable_baselines3.common", name):
        monkeypatch.setitem(sys.modules, module, types.ModuleType(module))
    sys.modules[name].VecEnv = VecEnv
    monkeypatch.delitem(sys.modules, "recsim_tf.adapters.stable_baselines3", raising=False)
    adapter = importlib.import_module("recsim_tf.adapters.stable_baselines3")
    monkeypatch.delitem(sys.modules, "recsim_tf.adapters.stable_baselines3")
    users = GymnasiumVectorEnvironment(short_sessions(), 4, flatten=True, autoreset_mode="SameStep")
    return adapter.UsersVecEnv(users)


@pytest.mark.parametrize(
    ("indices", "number"), [(None, 4), (2, 1), ([0, 3], 2), (np.array([1, 2, 3]), 3), ((), 0)]
)
def test_attributes_are_given_for_the_users_at_indices(users, indices, number):
    assert users.get_attr("num_envs", indices) == [4] * number
    assert users.env_is_wrapped(object, indices) == [False] * number
