# SPDX-License-Identifier: Apache-2.0
"""RecSim 0.2.4's bandits in RecSim's interest exploration, with the constants of the suite: the
mean return of a session, and its standard error.

Run with an interpreter that has RecSim; nothing of recsim_tf is needed:

    python benchmarks/peers/recsim_returns.py --json=PATH

Users like their topic with the mean log-affinity 1.2 in place of RecSim's 0.7, as in
`configs/suite/interest_exploration.gin`. A session ends after 100 steps, and every agent begins
anew with each session.
"""

import platform
import sys
import warnings
from pathlib import Path

import numpy as np
from absl import flags

sys.path.append(str(Path(__file__).parent.parent))

import commands

_FLAGS = flags.FLAGS
_AFFINITIES = ((0.1, 1.2), (1.2, 0.1))
_NUM_SESSIONS, _NUM_STEPS, _SLATE_SIZE, _NUM_CANDIDATES = 2000, 100, 2, 10


def create(seed):
    """RecSim's interest exploration, with the affinities of the suite."""
    from recsim.environments import interest_exploration as recsim
    from recsim.simulator import environment, recsim_gym

    documents = recsim.IETopicDocumentSampler(seed=seed)
    recsim.IEDocument.NUM_CLUSTERS = recsim.IEResponse.NUM_CLUSTERS = documents.num_clusters
    users = recsim.IEUserModel(
        _SLATE_SIZE,
        user_state_ctor=recsim.IEUserState,
        response_model_ctor=recsim.IEResponse,
        seed=seed,
    )
    users._user_sampler._user_doc_means = _AFFINITIES
    sessions = environment.Environment(
        users, documents, _NUM_CANDIDATES, _SLATE_SIZE, resample_documents=True
    )
    return recsim_gym.RecSimGymEnv(
        sessions, recsim.total_clicks_reward, lambda responses, metrics: metrics, lambda *_: None
    ), users


def agents(environment, users):
    """A function that creates each agent, by name."""
    from recsim.agents import cluster_bandit_agent, greedy_pctr_agent, random_agent
    from recsim.agents.bandits import algorithms
    from recsim.agents.layers import cluster_click_statistics

    spaces = environment.observation_space, environment.action_space

    def bandit(algorithm):
        return cluster_click_statistics.ClusterClickStatsLayer(
            cluster_bandit_agent.ClusterBanditAgent, *spaces, alg_ctor=algorithm
        )

    return {
        "Random": lambda: random_agent.RandomAgent(spaces[1]),
        "Greedy pCTR": lambda: greedy_pctr_agent.GreedyPCTRAgent(spaces[1], users.avg_user_state),
        "UCB1 over clusters": lambda: bandit(algorithms.UCB1),
        "Thompson sampling over clusters": lambda: bandit(algorithms.ThompsonSampling),
    }


def session(environment, agent):
    """The return of a session."""
    observation, total = environment.reset(), 0.0
    reward = 0
    for _ in range(_NUM_STEPS):
        slate = agent.step(reward, observation)
        observation, reward, done, _ = environment.step(slate)
        total += reward
        if done:
            break
    return total


def main() -> None:
    warnings.simplefilter("ignore")
    environment, users = create(seed=0)
    num_sessions = 4 if _FLAGS.quick else _NUM_SESSIONS
    figures, lines = {}, []
    for name, new_agent in agents(environment, users).items():
        np.random.seed(0)
        returns = [session(environment, new_agent()) for _ in range(num_sessions)]
        mean, error = np.mean(returns), np.std(returns, ddof=1) / num_sessions**0.5
        figures[name] = {"return": float(mean), "error": float(error)}
        lines.append(f"{name:32} {mean:7.2f} ± {error:.2f}")
    result = {
        "benchmark": "recsim_returns",
        "quick": _FLAGS.quick,
        "sessions": num_sessions,
        "figures": figures,
        "machine": {"processor": platform.machine(), "python": platform.python_version()},
    }
    command = ["python", "benchmarks/peers/recsim_returns.py", "--json=PATH"]
    commands.finish(command, result, "\n".join(lines))


if __name__ == "__main__":
    commands.define_flags()
    commands.run(main)
