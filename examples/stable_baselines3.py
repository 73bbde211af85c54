"""PPO of Stable-Baselines3 in interest evolution: pip install stable-baselines3, then run this."""

import argparse
import os
import pathlib
import sys

# This file has the name of the library, and Python looks here first.
sys.path = [folder for folder in sys.path if pathlib.Path(folder) != pathlib.Path(__file__).parent]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import gymnasium
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import recsim_tf.adapters.gymnasium
from recsim_tf import policies
from recsim_tf.environments.interest_evolution import InterestEvolutionUsers

try:
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.callbacks import ConvertCallback
    from stable_baselines3.common.evaluation import evaluate_policy
    from stable_baselines3.common.vec_env import VecEnv, VecMonitor, VecNormalize
except ImportError:
    sys.exit("This example needs Stable-Baselines3: pip install stable-baselines3")

# Short sessions: what a slate does to a user is seen soon. One document of five is shown.
PROBLEM = {"users": InterestEvolutionUsers(time_budget=40.0), "slate_size": 1, "num_candidates": 5}


class UsersVecEnv(VecEnv):
    """The vector environment of recsim_tf, as Stable-Baselines3 wants it."""

    def __init__(self, users):
        self.users = users
        super().__init__(users.num_envs, users.single_observation_space, users.single_action_space)

    def reset(self):
        return self.users.reset()[0]

    def step_async(self, actions):
        self.results = self.users.step(actions)

    def step_wait(self):
        observations, rewards, terminated, truncated, info = self.results
        infos = [{"TimeLimit.truncated": bool(out_of_time)} for out_of_time in truncated]
        for user in np.flatnonzero(terminated | truncated):
            infos[user]["terminal_observation"] = info["final_obs"][user]
        return observations, rewards, terminated | truncated, infos

    def get_attr(self, attr_name, indices=None):
        return [getattr(self.users, attr_name) for _ in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class, indices=None):
        return [False for _ in self._get_indices(indices)]

    def close(self):
        self.users.close()

    set_attr = env_method = None  # PPO needs neither.


def users(seed):
    name, mode = "recsim_tf/InterestEvolution-v1", "SameStep"
    made = gymnasium.make_vec(name, 256, seed=seed, flatten=True, autoreset_mode=mode, **PROBLEM)
    return VecMonitor(UsersVecEnv(made))
