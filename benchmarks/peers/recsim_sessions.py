"""Sessions of a RecSim agent, timed. Python 3.6 and later."""

import platform
import time

from recsim_environments import MAX_STEPS

# Asking for the CPU time is not free.
_STEPS_BETWEEN_LOOKS = 100


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
