"""Rollouts of every environment, of thousands to millions of users, as StableHLO."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
from accelerators import stablehlo
from accelerators.folder import Folder

import recsim_tf
from recsim_tf.core import random
from recsim_tf.core.execution import compiled, for_accelerators
from recsim_tf.core.simulator import Simulator
from recsim_tf.policies import random_policy

_STEPS = {False: 128, True: 4}
# Of ten million users, fewer.
_MOST_USER_STEPS = 2**28
_SEED = 0
# More users than this are not simulated here, to tell what a device should find.
_MOST_USERS_HERE = 10_000


def rollout(simulator: Simulator, num_users: int, num_steps: int):
    """A function compiled by XLA, seed int32 [2] -> (total reward float32, finished sessions
    int32), of auto-reset sessions under random slates. The steps are a loop.
    """
    policy = random_policy(simulator)

    def count(carry, transition):
        reward, sessions = carry
        finished = tf.cast(transition.terminated | transition.truncated, tf.int32)
        return reward + tf.reduce_sum(transition.reward), sessions + tf.reduce_sum(finished)

    @compiled(jit_compile=True)
    def simulate(seed):
        return simulator.fold(
            policy,
            num_users,
            num_steps,
            seed,
            count,
            (tf.zeros([]), tf.zeros([], tf.int32)),
            auto_reset=True,
        )

    return simulate


def export(folder: Folder, sizes: Mapping[str, Sequence[int]], quick: bool) -> list[dict[str, Any]]:
    """Writes programs of environments, each with several numbers of users; what the index says of
    each.

    `main` takes the seed, int32 [2], and returns the total reward and the number of sessions that
    ended. "expected" has both for `seed` by TensorFlow, where the users are few enough.
    """
    return [
        _export(folder, environment, num_users, min(_STEPS[quick], _MOST_USER_STEPS // num_users))
        for environment, numbers in sizes.items()
        for num_users in numbers
    ]


def _export(folder: Folder, environment: str, num_users: int, num_steps: int) -> dict[str, Any]:
    name = f"{environment}/{num_users}"
    seed = random.as_seed(_SEED)
    # Any number of users are one world.
    simulator = recsim_tf.make(environment, users_per_world=None)
    with for_accelerators():
        simulate = rollout(simulator, num_users, num_steps)
        program = stablehlo.export(simulate, [seed], environment, num_users)
        expected = None
        if num_users <= _MOST_USERS_HERE:
            reward, sessions = simulate(seed)
            expected = {"reward": float(reward), "sessions": int(sessions)}
    return {
        "name": name,
        "environment": environment,
        "users": num_users,
        "steps": num_steps,
        "seed": seed.numpy().tolist(),
        "program": folder.add_program(name, program),
        "expected": expected,
        # Of the environment that is written in JAX too.
        "slates": (
            {"slate_size": simulator.slate_size, "num_candidates": simulator.num_candidates}
            if environment == "InterestEvolution-v1"
            else None
        ),
    }
