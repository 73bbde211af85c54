"""CPU time of the weights of slates, and of marginals."""

import time

import numpy as np
import tensorflow as tf
from off_policy.worlds import WORLDS, affine
from sections import Section, Settings, section

from recsim_tf import logs
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
    bars = {
        "speed.slate_weights": (0.5e6, np.inf),
        "speed.marginals_3_of_10": (0.0, 200.0),
        "speed.marginals_10_of_100": (0.0, 5000.0),
    }
    rows = [
        ("weights of slates, 3 of 10, of one policy", "sessions a CPU second"),
        ("", f"{figures['speed.slate_weights']:,.0f}"),
        ("marginals", "microseconds of CPU a user"),
    ]
    rows += [
        (name.replace("_", " "), f"{figures[f'speed.marginals_{name}']:,.0f}") for name in _SIZES
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


def _fastest(call, rounds: int = 5) -> float:
    """CPU seconds, without the first call, which traces."""
    call()
    seconds = []
    for _ in range(rounds):
        begun = time.process_time()
        call()
        seconds.append(time.process_time() - begun)
    return min(seconds)
