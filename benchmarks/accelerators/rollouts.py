"""Rollouts of every environment, of thousands to millions of users, as StableHLO."""

from collections.abc import Mapping, Sequence
from typing import Any

from accelerators.folder import Folder
from speeds.common import simulation

import recsim_tf
from recsim_tf.core import random
from recsim_tf.core.runs import stablehlo
from recsim_tf.core.runs.execution import for_accelerators

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
        simulate = simulation(simulator, num_users, num_steps, jit_compile=True)
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
    }
