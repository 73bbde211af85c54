# SPDX-License-Identifier: Apache-2.0
"""RecSim 0.2.4's environments with its agents: environment steps per CPU second.

Run by `benchmarks/speed.py` with an interpreter that has RecSim (Python 3.6 and later; nothing of
recsim_tf is needed):

    python recsim_sessions.py --agent=slate_q --environment=InterestEvolution-v1 --slate_size=2
    --num_candidates=10 --seconds=30

Agents have RecSim's defaults; the neural ones replay 32 transitions every 4 steps. RecSim creates
their layers anew at each call, so that every candidate has weights of its own; `--weights=shared`
gives all candidates those of one network of the same size, as it is meant to be,
`--weights=shipped` leaves that as it is. Only the beginning is shortened: agents learn from step
`--min_replay_history` on instead of 20,000, and explore with the final probability 0.01 from twice
that step on instead of 270,000. The figures are of the steps after that, as are all but the first
hundredth of the 25 million steps of RecSim's training runs. Prints one line of JSON. Exits with
status 3 where RecSim is missing.
"""

import argparse
import json
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


def shared_network(user, document, scope):
    """Q of a document, [B, 1], by a network that all calls with one scope share."""
    import tensorflow.compat.v1 as tf

    with tf.variable_scope(scope, reuse=tf.AUTO_REUSE):
        hidden = tf.concat([user, document], axis=1)
        for index, units in enumerate((256, 32)):
            hidden = tf.layers.dense(hidden, units, tf.nn.relu, name=f"hidden_{index}")
        return tf.layers.dense(hidden, 1, name="value")


def create_agent(name, environment, min_replay_history, weights):
    """Returns RecSim's agent; the neural ones bring a session of TensorFlow 1."""
    spaces = {
        "observation_space": environment.observation_space,
        "action_space": environment.action_space,
    }
    if name == "random":
        from recsim.agents.random_agent import RandomAgent

        return RandomAgent(environment.action_space, random_seed=0)
    if name == "tabular_q":
        from recsim.agents.tabular_q_agent import TabularQAgent

        return TabularQAgent(**spaces)
    import tensorflow.compat.v1 as tf
    from recsim.agents import full_slate_q_agent, slate_decomp_q_agent

    if weights == "shared":
        from recsim.agents.dopamine import dqn_agent

        dqn_agent.recsim_dqn_network = shared_network
    tf.logging.set_verbosity(tf.logging.ERROR)
    session = tf.Session("", config=tf.ConfigProto(allow_soft_placement=True))
    beginning = {
        "min_replay_history": min_replay_history,
        "epsilon_decay_period": min_replay_history,
    }
    if name == "slate_q":
        agent = slate_decomp_q_agent.create_agent(
            "slate_topk_topk_q", session, **beginning, **spaces
        )
    else:
        agent = full_slate_q_agent.FullSlateQAgent(session, **beginning, **spaces)
    session.run(tf.global_variables_initializer())
    return agent


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--agent", choices=["random", "slate_q", "tabular_q", "full_slate_q"], default="random"
    )
    parser.add_argument("--environment", default="InterestEvolution-v1")
    parser.add_argument("--slate_size", type=int, default=2)
    parser.add_argument("--num_candidates", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=30.0, help="CPU seconds to measure")
    parser.add_argument("--min_replay_history", type=int, default=500)
    parser.add_argument("--weights", choices=["shared", "shipped"], default="shared")
    arguments = parser.parse_args()

    version, environment = create(
        arguments.environment, arguments.slate_size, arguments.num_candidates
    )
    agent = create_agent(
        arguments.agent, environment, arguments.min_replay_history, arguments.weights
    )
    # Warm-up.
    if arguments.agent == "random":
        measure(environment, agent, 0.1)
    else:
        measure(environment, agent, 0.0, steps=2 * arguments.min_replay_history)
    print(json.dumps({**measure(environment, agent, arguments.seconds), "recsim": version}))


if __name__ == "__main__":
    main()
