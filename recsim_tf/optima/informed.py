# SPDX-License-Identifier: Apache-2.0
"""Sessions under policies that see the states of users and the hidden attributes of documents."""

import numpy as np
import tensorflow as tf

from recsim_tf.core import nests, random
from recsim_tf.core.base.types import Nest, SimulatorState
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.optima.bound import InformedPolicy, Sessions


def described(simulator: Simulator, state: SimulatorState) -> Nest:
    """The candidates of users with their hidden attributes, a nest of [B, N, ...]."""
    documents = simulator.documents.describe(state.candidates, state.corpus)
    return simulator.corpora.of_users(documents, nests.batch_size(state.done))


def whole_worlds(simulator: Simulator, sessions: Sessions) -> int:
    """The number of sessions, rounded up to whole worlds of users."""
    size = simulator.users_per_world or 1
    return -(-sessions.number // size) * size


def informed_returns(
    simulator: Simulator, policy: InformedPolicy, sessions: Sessions
) -> np.ndarray:
    """The returns of sessions under an informed policy, float64 [B]. A session without a time limit
    ends by itself.
    """
    first, *seeds = random.split_seed(sessions.seed, 1 + (sessions.num_steps or 10000))
    state = simulator.reset(whole_worlds(simulator, sessions), first)
    step = compiled(user_steps=0)(simulator.step)
    returns = np.zeros(len(state.done))
    for number, seed in enumerate(seeds):
        if state.done.numpy().all():
            break
        action = policy(state, number)
        state, transition = step(state, tf.nest.map_structure(tf.convert_to_tensor, action), seed)
        returns += np.where(transition.active, transition.reward, 0)
    return returns
