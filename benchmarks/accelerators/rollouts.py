# SPDX-License-Identifier: Apache-2.0
"""Rollouts of every environment, of thousands to millions of users, as StableHLO."""

from collections.abc import Mapping, Sequence
from typing import Any

from accelerators.folder import Folder
from speeds.common import simulation

import recsim_tf
from recsim_tf.core import random
from recsim_tf.core.runs import stablehlo
from recsim_tf.core.targets import for_accelerators

_STEPS = {False: 128, True: 4}
# Of ten million users, fewer.
_MOST_USER_STEPS = 2**28
_SEED = 0
# More users than this are not simulated here, to tell what a device should find.
_MOST_USERS_HERE = 10_000


def export(folder: Folder, sizes: Mapping[str, Sequence[int]], quick: bool) -> list[dict[str, Any]]:
    """Writes programs of environments, each with several numbers of users; what the index says of
    each.

    `main` takes the seed, int32 [2], and returns the total reward and the number of sessions that
    ended, of auto-reset sessions under random slates. "expected" has both for `seed` by TensorFlow,
    where the users are few enough.
    """
    return [
        _export(folder, environment, num_users, _num_steps(num_users, quick))
        for environment, numbers in sizes.items()
        for num_users in numbers
    ]


def text(environment: str, num_users: int, quick: bool) -> str:
    """The program of a rollout alone."""
    with for_accelerators():
        return _program(environment, num_users, _num_steps(num_users, quick))[1].text


def _export(folder: Folder, environment: str, num_users: int, num_steps: int) -> dict[str, Any]:
    name, seed = f"{environment}/{num_users}", random.as_seed(_SEED)
    with for_accelerators():
        simulate, program = _program(environment, num_users, num_steps)
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
    }


def _program(environment: str, num_users: int, num_steps: int) -> tuple[Any, stablehlo.Program]:
    """A compiled function from a seed, and its program."""
    # Any number of users are one world.
    simulator = recsim_tf.make(environment, users_per_world=None)
    simulate = simulation(simulator, num_users, num_steps, jit_compile=True)
    seed = random.as_seed(_SEED)
    return simulate, stablehlo.export(simulate, [seed], environment, num_users)


def _num_steps(num_users: int, quick: bool) -> int:
    return min(_STEPS[quick], _MOST_USER_STEPS // num_users)
