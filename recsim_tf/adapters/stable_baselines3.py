# SPDX-License-Identifier: Apache-2.0
"""Many simulated users as a vector environment of Stable-Baselines3.

import gymnasium
import recsim_tf.adapters.gymnasium
from recsim_tf.adapters.stable_baselines3 import UsersVecEnv
from stable_baselines3 import PPO

users = gymnasium.make_vec(
    "recsim_tf/InterestEvolution-v1", num_envs=256, flatten=True, autoreset_mode="SameStep"
)
model = PPO("MlpPolicy", UsersVecEnv(users))
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

try:
    from stable_baselines3.common.vec_env import VecEnv
except ImportError as missing:
    raise ImportError(
        "recsim_tf.adapters.stable_baselines3 needs Stable-Baselines3: pip install"
        " stable-baselines3"
    ) from missing

from recsim_tf.adapters.gymnasium import GymnasiumVectorEnvironment


class UsersVecEnv(VecEnv):
    """A vector environment of recsim_tf in the form that Stable-Baselines3 wants.

    Args:
      users: environments with the autoreset mode "SameStep", and with `flatten=True` for an
        "MlpPolicy" or `flatten="dict"` for a "MultiInputPolicy".

    Raises:
      ValueError: for another mode, or for nested observations.
    """

    def __init__(self, users: GymnasiumVectorEnvironment):
        mode = getattr(users.metadata.get("autoreset_mode"), "value", None)
        if mode != "SameStep":
            raise ValueError(f"users must be made with autoreset_mode='SameStep', got {mode!r}")
        parts = getattr(users.single_observation_space, "spaces", {})
        if any(getattr(part, "spaces", None) is not None for part in dict(parts).values()):
            raise ValueError("users must be made with flatten=True or flatten='dict', got False")
        self._users = users
        self._results: Any = None
        self._seed: int | None = None
        super().__init__(users.num_envs, users.single_observation_space, users.single_action_space)

    def seed(self, seed: int | None = None) -> list[int | None]:
        """Notes the seed of the next reset, which governs the draws of all users."""
        self._seed = seed
        return [seed] * self.num_envs

    def reset(self) -> Any:
        observations, _ = self._users.reset(seed=self._seed)
        self._seed = None
        return observations

    def step_async(self, actions: np.ndarray) -> None:
        self._results = self._users.step(actions)

    def step_wait(self) -> tuple[Any, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        observations, rewards, terminated, truncated, info = self._results
        ended = terminated | truncated
        infos: list[dict[str, Any]] = [
            {"TimeLimit.truncated": bool(is_cut)} for is_cut in truncated & ~terminated
        ]
        for user in np.flatnonzero(ended):
            infos[user]["terminal_observation"] = info["final_obs"][user]
        return observations, rewards, ended, infos

    def close(self) -> None:
        self._users.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self._users, attr_name)] * len(self._rows(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise AttributeError(f"{attr_name} of single users cannot be set: all are stepped at once")

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> Any:
        raise AttributeError(f"single users have no method {method_name}: all are stepped at once")

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * len(self._rows(indices))

    def _rows(self, indices: int | Iterable[int] | None) -> Sequence[int]:
        """The users at `indices`, a row, several rows, or None for all."""
        if indices is None:
            return range(self.num_envs)
        return [indices] if isinstance(indices, int) else list(indices)
