# SPDX-License-Identifier: Apache-2.0
"""Prints a digest of a rollout in graph mode, to be compared between processes."""

import hashlib

import tensorflow as tf

from recsim_tf.core.random import as_seed
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.interest_evolution import (
    InterestEvolutionUsers,
    UtilityVideos,
    interest_evolution,
)
from tests.rollout_policies import uniform_random

NUM_USERS, NUM_STEPS, SLATE_SIZE = 6, 8, 2


def small_simulator() -> Simulator:
    """Interest evolution with hazards and short sessions: every kind of draw occurs."""
    return interest_evolution(
        slate_size=SLATE_SIZE,
        num_candidates=5,
        users=InterestEvolutionUsers(num_features=10, time_budget=10.0, departure_temperature=4.0),
        documents=UtilityVideos(num_topics=10),
    )


def rollout(simulator: Simulator, seed, auto_reset: bool = False):
    """A short rollout of a random policy."""
    return simulator.rollout(
        uniform_random(SLATE_SIZE), NUM_USERS, NUM_STEPS, seed, auto_reset=auto_reset
    )


def digest(nest) -> str:
    """SHA-256 of all bytes of a nest of tensors."""
    sha = hashlib.sha256()
    for leaf in tf.nest.flatten(nest):
        sha.update(f"{leaf.dtype.name}{leaf.shape}".encode())
        sha.update(leaf.numpy().tobytes())
    return sha.hexdigest()


def graph_rollout(seed: int):
    """The rollout of a small simulator, compiled in graph mode."""
    simulator = small_simulator()
    return compiled(lambda seed: rollout(simulator, seed))(as_seed(seed))


if __name__ == "__main__":
    print(digest(graph_rollout(11)))
