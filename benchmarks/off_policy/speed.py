# SPDX-License-Identifier: Apache-2.0
"""CPU time of the weights of slates, and of marginals; and how long an estimate from long sessions
takes, and the table and the page of many policies.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from off_policy.worlds import WORLDS, affine
from sections import Section, Settings, section
from speeds.common import seconds_of_turns

from recsim_tf import logs, ope
from recsim_tf.core.distributions import PlackettLuce
from recsim_tf.core.runs.execution import compiled
from recsim_tf.logs.densities import densities

_SIZES = {"3_of_10": (3, 10, 4096), "10_of_100": (10, 100, 256)}


def measure(settings: Settings) -> Section:
    figures = {"speed.slate_weights": _weights(2000 if settings.quick else 200_000)}
    for name, (slate_size, num_candidates, num_users) in _SIZES.items():
        figures[f"speed.marginals_{name}"] = _marginals(
            slate_size, num_candidates, 8 if settings.quick else num_users
        )
    figures["speed.long_sessions_s"] = _long_sessions(20 if settings.quick else 1000)
    figures["speed.policies_s"] = _policies(12 if settings.quick else 100)
    bars = {
        "speed.slate_weights": (0.5e6, np.inf),
        "speed.marginals_3_of_10": (0.0, 200.0),
        "speed.marginals_10_of_100": (0.0, 5000.0),
        "speed.long_sessions_s": (0.0, 0.3),
        "speed.policies_s": (0.0, 30.0),
    }
    rows = [
        ("weights of slates, 3 of 10, of one policy", "sessions a CPU second"),
        ("", f"{figures['speed.slate_weights']:,.0f}"),
        ("marginals", "microseconds of CPU a user"),
    ]
    rows += [
        (name.replace("_", " "), f"{figures[f'speed.marginals_{name}']:,.0f}") for name in _SIZES
    ]
    rows += [
        ("of a log of 100 sessions of 1,000 steps", "seconds"),
        ("snips", f"{figures['speed.long_sessions_s']:.2f}"),
        ("of 100 policies, from 1,000 sessions", "seconds"),
        ("table and page", f"{figures['speed.policies_s']:.1f}"),
    ]
    return section(settings, "Speed", rows, figures, bars)


def _weights(num_sessions: int) -> float:
    """Sessions a CPU second."""
    world, policy = WORLDS["multinomial"], affine(3.0)
    trajectory = world.rollout(affine(1.0), num_sessions, 1, seed=0)
    log = logs.from_trajectory(trajectory, world)
    density = densities(policy, ["slate"])
    return num_sessions / _fastest(lambda: density(log))


def _marginals(slate_size: int, num_candidates: int, num_users: int) -> float:
    """Microseconds of CPU a user."""
    logits = tf.random.stateless_normal([num_users, num_candidates], [0, 0], stddev=2.0)
    marginals = compiled(lambda logits: PlackettLuce(logits, slate_size).marginals())
    return 1e6 * _fastest(lambda: marginals(logits)) / num_users


def _long_sessions(num_steps: int) -> float:
    """Seconds of an estimate from 100 sessions that bring the probabilities of both policies."""
    steps, draws = (100, num_steps), np.random.default_rng(0)
    logged = np.log(draws.uniform(0.2, 0.8, steps))
    log = logs.Log(
        length=np.full(100, num_steps, np.int32),
        slate=np.zeros([*steps, 1], np.int32),
        reward=draws.uniform(size=[*steps, 1]),
        propensity=logs.SlateLogProbs(slate=logged),
        target=logs.SlateLogProbs(slate=logged + 0.02 * draws.standard_normal(steps)),
    )
    return _fastest(lambda: ope.evaluate(None, log), clock=time.perf_counter)


def _policies(number: int) -> float:
    """Seconds of the table and the page of policies that were judged from 1,000 sessions."""
    world, live = WORLDS["multinomial"], affine(1.0)
    log = logs.from_trajectory(world.rollout(live, 1000, 1, seed=0), world, logging=live)
    sharpness = np.linspace(0.5, 4.0, number)
    results = ope.compare({f"{each:.3f}": affine(each) for each in sharpness}, log)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        str(results)
        ope.write_report(Path(folder) / "page.html", results)
        return time.perf_counter() - begun


def _fastest(
    call: Callable[[], object],
    rounds: int = 5,
    clock: Callable[[], float] = time.process_time,
) -> float:
    """Seconds by a clock, by default of the CPU, without the first call, which traces."""
    turns = seconds_of_turns({"call": lambda turn: call()}, 0.0, rounds, clock)
    return min(turn["call"] for turn in turns)
