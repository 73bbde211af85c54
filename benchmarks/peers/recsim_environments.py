"""RecSim 0.2.4's environments by the names that recsim_tf gives them, and timed sessions of its
agents. Python 3.6 and later; nothing of recsim_tf is needed.
"""

import os
import platform
import sys
import time
import warnings

# The exit status where RecSim cannot be imported.
MISSING = 3

# The time limit of RecSim's runner, for sessions that do not end by themselves.
MAX_STEPS = 27000

# Asking for the CPU time is not free.
_STEPS_BETWEEN_LOOKS = 100


def create(environment_id, slate_size, num_candidates):
    """Returns RecSim's version and environment; exits with status `MISSING` where RecSim cannot be
    imported.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    warnings.simplefilter("ignore")
    try:
        from pkg_resources import get_distribution
        from recsim.environments import (
            interest_evolution,
            interest_exploration,
            long_term_satisfaction,
        )
    except ImportError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(MISSING)
    modules = {
        "InterestEvolution-v1": interest_evolution,
        "InterestExploration-v1": interest_exploration,
        "LongTermSatisfaction-v1": long_term_satisfaction,
    }
    config = {
        "slate_size": slate_size,
        "num_candidates": num_candidates,
        "resample_documents": True,
        "seed": 0,
    }
    return get_distribution("recsim").version, modules[environment_id].create_environment(config)


def measure(environment, agent, cpu_seconds, steps=0):
    """Goes through sessions as RecSim's runner does, for that much CPU time and at least that many
    steps; returns the figures by name.
    """
    taken, sessions, total = 0, 0, 0.0
    cpu, wall = time.process_time(), time.perf_counter()
    begin, end = getattr(agent, "begin_episode", None), getattr(agent, "end_episode", None)
    spent = False
    while not spent:
        observation, session_steps = environment.reset(), 0
        slate = begin(observation) if begin else agent.step(0, observation)
        while True:
            observation, reward, done, _ = environment.step(slate)
            total += reward
            taken += 1
            session_steps += 1
            if taken % _STEPS_BETWEEN_LOOKS == 0 and taken >= steps:
                spent = time.process_time() - cpu >= cpu_seconds
            if done or session_steps == MAX_STEPS:
                sessions += 1
                break
            if spent:
                break
            slate = agent.step(reward, observation)
        if end:
            end(reward, observation)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {
        "steps_per_cpu_second": taken / cpu,
        "steps_per_wall_second": taken / wall,
        "steps": taken,
        "reward_per_user_step": total / taken,
        "sessions_per_user_step": sessions / taken,
        "python": platform.python_version(),
    }
