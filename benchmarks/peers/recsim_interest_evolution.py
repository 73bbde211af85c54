"""RecSim 0.2.4's interest evolution with its random agent: environment steps per CPU second.

Run by `benchmarks/simulation.py` with an interpreter that has RecSim (Python 3.6 and later; nothing of recsim_tf is needed):

    python recsim_interest_evolution.py --slate_size=3 --num_candidates=10 --seconds=10

Prints one line of JSON. Exits with status 3 where RecSim is missing.
"""

import argparse
import json
import os
import platform
import sys
import time
import warnings

MISSING = 3


def build(slate_size, num_candidates):
    """Returns RecSim's version, environment and random agent, or exits where they cannot be imported."""
    try:
        from pkg_resources import get_distribution
        from recsim.agents import random_agent
        from recsim.environments import interest_evolution
    except ImportError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(MISSING)
    config = {"slate_size": slate_size, "num_candidates": num_candidates, "resample_documents": True, "seed": 0}
    environment = interest_evolution.create_environment(config)
    return get_distribution("recsim").version, environment, random_agent.RandomAgent(environment.action_space, random_seed=0)


def simulate(environment, agent, cpu_seconds):
    """Steps through sessions until the CPU time is spent; returns steps, finished sessions, their total reward, and CPU and wall time."""
    steps, sessions, total = 0, 0, 0.0
    cpu, wall = time.process_time(), time.perf_counter()
    while True:
        observation, reward, done = environment.reset(), 0.0, False
        while not done:
            observation, reward, done, _ = environment.step(agent.step(reward, observation))
            total += reward
            steps += 1
        sessions += 1
        spent = time.process_time() - cpu
        if spent >= cpu_seconds:
            return steps, sessions, total, spent, time.perf_counter() - wall


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slate_size", type=int, default=3)
    parser.add_argument("--num_candidates", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=10.0, help="CPU seconds to measure")
    arguments = parser.parse_args()

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    warnings.simplefilter("ignore")
    version, environment, agent = build(arguments.slate_size, arguments.num_candidates)
    simulate(environment, agent, 0.1)  # Warm-up.
    steps, sessions, total, cpu, wall = simulate(environment, agent, arguments.seconds)
    result = {
        "steps_per_cpu_second": steps / cpu,
        "steps_per_wall_second": steps / wall,
        "steps": steps,
        "reward_per_user_step": total / steps,
        "sessions_per_user_step": sessions / steps,
        "recsim": version,
        "python": platform.python_version(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
