"""PPO of Stable-Baselines3 in interest evolution. It needs: pip install stable-baselines3"""

import argparse
import os
import sys

sys.path.pop(0)  # The folder of this file, which has the library's name.
os.environ["OMP_NUM_THREADS"] = "1"  # Networks this small are slower with more.

try:
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import VecMonitor, VecNormalize
except ImportError:
    sys.exit("this example needs Stable-Baselines3: pip install stable-baselines3")

import gymnasium
import matplotlib.pyplot as plt
import numpy as np
import recsim_tf.adapters.gymnasium
from recsim_tf.adapters.stable_baselines3 import UsersVecEnv
from recsim_tf.environments.interest_evolution import InterestEvolutionUsers

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", default="runs/examples/stable_baselines3", help="a folder")
parser.add_argument("--quick", action="store_true", help="a trial of a few seconds")
options = parser.parse_args()
os.makedirs(options.out, exist_ok=True)
# Short sessions, so that what a document does to a user is seen soon; one of five is shown.
problem = {"users": InterestEvolutionUsers(time_budget=40.0), "slate_size": 1, "num_candidates": 5}
name, modes = "InterestEvolution-v1", {"flatten": True, "autoreset_mode": "SameStep", "seed": 0}
users = UsersVecEnv(gymnasium.make_vec(f"recsim_tf/{name}", num_envs=256, **modes, **problem))
scaled = VecNormalize(VecMonitor(users), norm_obs=False, gamma=0.98)
sizes = {"n_steps": 16, "batch_size": 1024, "n_epochs": 4, "stats_window_size": 2000}
model = PPO("MlpPolicy", scaled, learning_rate=1e-3, gamma=0.98, seed=0, device="cpu", **sizes)
curve = []
for _ in range(2 if options.quick else 30):
    model.learn(40_960, reset_num_timesteps=False)
    curve.append((model.num_timesteps, np.mean([each["r"] for each in model.ep_info_buffer])))
lines, simulator = {"PPO": curve[-1][1]}, recsim_tf.make(name, **problem)
for baseline in ("random", "myopic", "oracle"):
    policy = recsim_tf.policies.baseline_policy(baseline, simulator)
    trajectory = simulator.rollout(policy, num_users=2000, num_steps=150, seed=0)
    lines[baseline] = np.mean(np.sum(trajectory.transitions.reward, axis=0))
    plt.axhline(lines[baseline], linestyle="--", color="gray")
plt.plot(*np.transpose(curve), linewidth=2.5)
for label, mean in lines.items():
    plt.text(curve[-1][0], mean, label, horizontalalignment="right", verticalalignment="bottom")
    print(f"{label:8} {mean:5.1f}")
plt.gca().set(title="PPO, one video of five", xlabel="steps of users", ylabel="minutes a session")
plt.savefig(f"{options.out}/stable_baselines3.png", dpi=120)
