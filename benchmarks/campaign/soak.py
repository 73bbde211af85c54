"""All registered environments, simulated for long: are all numbers finite, and does memory stay as
it is?
"""

import concurrent.futures
import resource
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import processes
import tensorflow as tf
from sections import Section, Settings, section
from speeds.common import NUM_CANDIDATES, SLATE_SIZES
from tqdm import tqdm

import recsim_tf
from recsim_tf.core import random
from recsim_tf.core.base.types import Nest
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step.stages import STEP_STAGES, Sampled
from recsim_tf.policies import random_policy

# Of each environment.
_USER_STEPS = {False: 10**8, True: 10**5}
# At least so many users at a time; where they share a world, those of whole worlds.
_NUM_USERS = {False: 2048, True: 128}
_NUM_CALLS = 100
_SETTLED = _NUM_CALLS // 10


class Task(NamedTuple):
    """What one process simulates."""

    environment: str
    user_steps: int  # at least
    num_users: int  # at least


def measure(settings: Settings) -> Section:
    """Simulates each environment in a process of its own, under random slates."""
    environments = recsim_tf.registered()
    sizes = _USER_STEPS[settings.quick], _NUM_USERS[settings.quick]

    def simulate(environment: str) -> dict[str, Any]:
        task = Task(environment, *sizes)._asdict()
        return processes.run_worker("campaign.soak", task, one_core=False)

    with concurrent.futures.ThreadPoolExecutor(settings.jobs) as pool:
        done = pool.map(simulate, environments)
        found = list(tqdm(done, "soak", len(environments), dynamic_ncols=True))
    growth = [
        100 * (each["resident_bytes"][-1] / each["resident_bytes"][_SETTLED - 1] - 1)
        for each in found
    ]
    rows = [("", "user steps", "not finite", "resident MB", "growth %")]
    for name, each, percent in zip(environments, found, growth, strict=True):
        counts = (f"{each[key]:,}" for key in ("user_steps", "not_finite"))
        rows.append((name, *counts, f"{each['resident_bytes'][-1] / 1e6:,.0f}", f"{percent:.2f}"))
    return section(
        settings,
        "Simulated for long: numbers that are not finite in states, draws, responses and rewards,"
        " and growth of memory after the first tenth",
        rows,
        {
            "soak.runs": len(found),
            "soak.not_finite": sum(each["not_finite"] for each in found),
            "soak.memory": max(growth),
        },
        details={"environments": dict(zip(environments, found, strict=True))},
    )


def timed(task: Task) -> dict[str, Any]:
    """Simulates an environment; how much memory the process holds after each call."""
    simulator = recsim_tf.make(
        task.environment,
        slate_size=SLATE_SIZES.get(task.environment, 2),
        num_candidates=NUM_CANDIDATES,
    )
    worlds = -(-task.num_users // simulator.fewest_users)
    num_users = worlds * simulator.fewest_users
    num_steps = -(-task.user_steps // (num_users * _NUM_CALLS))
    simulate = _simulation(simulator, num_steps, task.user_steps)
    state, not_finite, resident = simulator.reset(num_users, seed=0), 0, []
    for call in range(_NUM_CALLS):
        state, found = simulate(state, random.as_seed(call))
        not_finite += int(found)
        resident.append(_resident_bytes())
    return {
        "user_steps": num_users * num_steps * _NUM_CALLS,
        "not_finite": not_finite,
        "resident_bytes": resident,
    }


def _simulation(simulator: Simulator, num_steps: int, user_steps: int) -> Callable:
    """A compiled function, (state, seed) -> (state, numbers that are not finite)."""
    policy = random_policy(simulator)

    @compiled(jit_compile=None, user_steps=user_steps)
    def simulate(state, seed):
        def body(state, seed, not_finite):
            seed, policy_seed, step_seed = random.split_seed(seed, 3)
            action, _ = policy(simulator.observe(state), (), policy_seed)
            answers = Sampled(step_seed, STEP_STAGES)
            state, transition, _ = simulator.advance(state, action, answers, auto_reset=True)
            return state, seed, not_finite + _not_finite((state, transition))

        loop_vars = (state, seed, tf.constant(0))
        state, _, not_finite = tf.while_loop(
            lambda *_: True, body, loop_vars, parallel_iterations=1, maximum_iterations=num_steps
        )
        return state, not_finite

    return simulate


def _not_finite(nest: Nest) -> tf.Tensor:
    """How many of the floats of a nest are NaN or infinite, int32."""
    counts = [
        tf.reduce_sum(tf.cast(~tf.math.is_finite(leaf), tf.int32))
        for leaf in tf.nest.flatten(nest)
        if leaf.dtype.is_floating
    ]
    return tf.add_n(counts)


def _resident_bytes() -> int:
    """The memory that this process holds now; where the system does not tell, its most so far."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except FileNotFoundError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
