# SPDX-License-Identifier: Apache-2.0
"""RecSim's defaults, the command line and the timing, shared by the peers' programs of interest
evolution. It needs Python alone, since it runs with the peers' interpreters.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable, Collection
from typing import Any

# The exit status where a peer cannot be imported.
MISSING = 3

# Defaults of RecSim 0.2.4.
NUM_TOPICS = 20
MIN_UTILITY, MAX_UTILITY, QUALITY_STDDEV = -3.0, 3.0, 0.1
VIDEO_LENGTH, TIME_BUDGET, STEP_PENALTY = 4.0, 200.0, 0.5
USER_UPDATE_ALPHA = 0.9 / 3.4
MIN_NORMALIZER, NO_CLICK_MASS = -1.0, 1.0
ALPHA_X_INTERCEPT, ALPHA_Y_INTERCEPT = 1.0, 0.3


def main(description: str, styles: Collection[str], simulation: Callable, version: str) -> None:
    """Simulates each batch size of the command line and prints the rates as one line of JSON.

    Args:
      description: for `--help`.
      styles: what `--style` may be.
      simulation: (arguments, num_users, num_steps) -> a function, number of the call -> (total
        reward, finished sessions).
      version: of the peer.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--style", choices=list(styles), default="idiomatic")
    parser.add_argument("--users", default="1024", help="batch sizes, separated by commas")
    parser.add_argument("--slate_size", type=int, default=3)
    parser.add_argument("--num_candidates", type=int, default=10)
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="CPU seconds to measure for each batch size"
    )
    parser.add_argument(
        "--user_steps",
        type=int,
        default=2**21,
        help="a call simulates about so many, within the bounds of its steps",
    )
    parser.add_argument("--min_steps", type=int, default=128)
    parser.add_argument("--max_steps", type=int, default=4096)
    arguments = parser.parse_args()
    rates = {
        users: _measure(arguments, simulation, int(users)) for users in arguments.users.split(",")
    }
    python = platform.python_version()
    print(
        json.dumps({"style": arguments.style, "rates": rates, "version": version, "python": python})
    )


def _measure(arguments: argparse.Namespace, simulation: Callable, num_users: int) -> dict[str, Any]:
    """Rates of one batch size."""
    num_steps = min(
        max(arguments.user_steps // num_users, arguments.min_steps), arguments.max_steps
    )
    simulate = simulation(arguments, num_users, num_steps)

    def call(number):
        return [float(result) for result in simulate(number)]

    started = time.perf_counter()
    call(0)
    first_call, calls, total, finished = time.perf_counter() - started, 0, 0.0, 0.0
    cpu, wall = time.process_time(), time.perf_counter()
    while calls == 0 or time.process_time() - cpu < arguments.seconds:
        calls += 1
        reward, sessions = call(calls)
        total, finished = total + reward, finished + sessions
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    user_steps = calls * num_users * num_steps
    return {
        "user_steps_per_cpu_second": user_steps / cpu,
        "user_steps_per_wall_second": user_steps / wall,
        "first_call_seconds": first_call,
        "steps_per_call": num_steps,
        "calls": calls,
        "reward_per_user_step": total / user_steps,
        "sessions_per_user_step": finished / user_steps,
    }
