"""RecSim 0.2.4's environments with its random agent: environment steps per CPU second.

Run by `benchmarks/speed.py` with an interpreter that has RecSim (Python 3.6 and later; nothing of
recsim_tf is needed):

    python recsim_simulation.py --environment=InterestEvolution-v1 --slate_size=3
    --num_candidates=10 --seconds=10

Prints one line of JSON. Exits with status 3 where RecSim is missing.
"""

import argparse
import json

from recsim_environments import create, measure


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environment", default="InterestEvolution-v1")
    parser.add_argument("--slate_size", type=int, default=3)
    parser.add_argument("--num_candidates", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=10.0, help="CPU seconds to measure")
    arguments = parser.parse_args()

    version, environment = create(
        arguments.environment, arguments.slate_size, arguments.num_candidates
    )
    from recsim.agents.random_agent import RandomAgent

    agent = RandomAgent(environment.action_space, random_seed=0)
    measure(environment, agent, 0.1)  # Warm-up.
    print(json.dumps({**measure(environment, agent, arguments.seconds), "recsim": version}))


if __name__ == "__main__":
    main()
