# SPDX-License-Identifier: Apache-2.0
"""The environment of B users as a vector environment of Gymnasium, for trainers in JAX or PyTorch.

    from environment import Environment
    from gymnasium.wrappers.vector import JaxToTorch
    from in_gymnasium import GymnasiumVectorEnvironment

    environments = JaxToTorch(GymnasiumVectorEnvironment(Environment(".")))

It needs Gymnasium 1.1 or later. Gymnasium's `JaxToTorch` hands arrays to PyTorch without a copy.
"""

import secrets
from typing import Any

import gymnasium
import jax
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

_INT32 = np.iinfo(np.int32)


class GymnasiumVectorEnvironment(gymnasium.vector.VectorEnv):
    """B users of an exported environment.

    Observations are dicts of arrays of JAX by the names of programs.json, and so is an action that
    has a query beside the slate. A user whose session ended leaves the row to a new user in the
    same step; `info["final_obs"]` is the observation before that.

    Args:
      environment: the environment of B users.
      params: the parameters of the models, or None for those that were exported.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012

    def __init__(self, environment: Any, params: dict[str, Any] | None = None):
        self.num_envs = environment.num_users
        self.single_observation_space = _space(environment.observation_space)
        self.single_action_space = _space(environment.action_space)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._key: Any = None
        self._state: Any = None
        self._reset = jax.jit(lambda key: environment.reset(key, params))
        self._step = jax.jit(
            lambda key, state, action: environment.step(key, state, action, params)
        )

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[Any, dict]:
        """B new users; the same ones for the same seed."""
        if seed is not None or self._key is None:
            self._key = jax.random.key(secrets.randbits(31) if seed is None else seed)
        observation, self._state = self._reset(self._next_key())
        return observation, {}

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict]:
        """Shows each user a slate."""
        if self._state is None:
            raise gymnasium.error.ResetNeeded("call reset before step")
        observation, self._state, reward, done, info = self._step(
            self._next_key(), self._state, actions
        )
        ends = {"final_obs": info["last_observation"], "_final_obs": done}
        return observation, reward, info["terminated"], info["truncated"], ends

    def _next_key(self) -> jax.Array:
        self._key, key = jax.random.split(self._key)
        return key


def _space(space: Any) -> spaces.Space:
    """The space of one user, of the spaces of B users."""
    if isinstance(space, dict):
        return spaces.Dict({name: _space(each) for name, each in space.items()})
    if space.dtype == bool:
        return spaces.MultiBinary(space.shape[1:])
    is_float = np.issubdtype(space.dtype, np.floating)
    ends = (-np.inf, np.inf) if is_float else (_INT32.min, _INT32.max)
    low, high = (
        np.broadcast_to(end if limit is None else limit, space.shape[1:]).astype(space.dtype)
        for limit, end in zip((space.low, space.high), ends, strict=True)
    )
    return spaces.Box(low, high, space.shape[1:], space.dtype)
