# SPDX-License-Identifier: Apache-2.0
"""Section `environments`: exported environments in JAX, beside TensorFlow's XLA."""

import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import processes
import tensorflow as tf
from accelerators.settings import Settings
from sections import Section, section

import recsim_tf
from recsim_tf.core import random
from recsim_tf.core.base.types import Nest, Turn
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step.turns import limits
from recsim_tf.core.targets import for_accelerators

_PLAY = Path(__file__).parent / "play.py"
_USERS, _STEPS, _SECONDS = {False: 1000, True: 8}, {False: 100, True: 3}, 3.0
# The largest difference of a reward that counts as none, relative to rewards above 1.
_TOLERANCE = 1e-5


def measure(settings: Settings) -> Section:
    """Compares the rewards of sessions, and the rates of steps on one core."""
    python, quick = settings.interpreter(), settings.quick
    num_steps, seconds = _STEPS[quick], 0.0 if quick else _SECONDS
    rows: list[tuple[str, ...]] = [("environment", "users", "largest difference", "JAX / XLA")]
    differences, rates = {}, {}
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        for name in settings.environments:
            simulator = recsim_tf.make(name)
            num_users = (settings.users or (_USERS[quick],))[0]
            world = simulator.users_per_world or 1
            num_users = -(-num_users // world) * world
            actions = _actions(simulator, num_users, num_steps)
            theirs, their_time = _in_jax(python, simulator, num_users, actions, seconds)
            ours, our_time = _in_tensorflow(simulator, num_users, actions, seconds)
            difference = np.abs(theirs - ours) / np.maximum(np.abs(ours), 1)
            differences[name], rates[name] = float(difference.max()), our_time / their_time
            values = f"{differences[name]:.1e}", f"{rates[name]:.2f}"
            rows.append((name, f"{num_users:,}", *values))
    finally:
        os.sched_setaffinity(0, cores)
    figures = {
        "environments.equal": sum(each <= _TOLERANCE for each in differences.values()),
        "environments.least_rate": min(rates.values()),
    }
    bars = {
        "environments.equal": (len(differences), len(differences)),
        "environments.least_rate": (0.8, np.inf),
    }
    details = {"differences": differences, "rates": rates, "steps": num_steps}
    title = "Rewards and rates of exported environments in JAX, beside TensorFlow's XLA"
    return section(settings, title, rows, figures, bars, details=details)


def _actions(simulator: Simulator, num_users: int, num_steps: int) -> dict[str, np.ndarray]:
    """Random actions [T, B, ...] by name: documents that follow each other, and queries."""
    generator = np.random.default_rng(0)
    first = generator.integers(simulator.num_candidates, size=[num_steps, num_users, 1])
    slates = (first + np.arange(simulator.slate_size)) % simulator.num_candidates
    turn = Turn(tf.TensorSpec([simulator.slate_size], tf.int32), simulator.query_spec)
    if turn.action is turn.slate:
        return {"action": slates.astype(np.int32)}
    actions = {"action.slate": slates.astype(np.int32)}
    for name, spec in turn.query._asdict().items():
        low, high = limits(spec)
        shape = [num_steps, num_users, *spec.shape]
        numbers = generator.integers(np.asarray(low), np.asarray(high) + 1, size=shape)
        actions[f"action.query.{name}"] = numbers.astype(spec.dtype.as_numpy_dtype)
    return actions


def _in_jax(
    python: str,
    simulator: Simulator,
    num_users: int,
    actions: dict[str, np.ndarray],
    seconds: float,
) -> tuple[np.ndarray, float]:
    """The rewards [T, B] of the exported environment, and the seconds of all steps."""
    with tempfile.TemporaryDirectory() as folder:
        simulator.export_environment(f"{folder}/exported", num_users)
        np.savez(f"{folder}/actions.npz", **actions)
        files = [f"{folder}/{name}" for name in ("exported", "actions.npz", "result.npz")]
        process = subprocess.run(
            [python, str(_PLAY), *files, str(seconds)],
            env=processes.environment({"JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""}),
            capture_output=True,
            text=True,
        )
        if process.returncode:
            raise SystemExit(f"play.py failed under JAX:\n{process.stderr[-2000:]}")
        result = np.load(files[2])
        return result["rewards"], float(np.median(result["times"]))


def _in_tensorflow(
    simulator: Simulator, num_users: int, actions: dict[str, np.ndarray], seconds: float
) -> tuple[np.ndarray, float]:
    """The rewards [T, B] under XLA with the programs of accelerators, and the seconds of all steps
    with those of this machine.
    """
    query = {name.rpartition(".")[2]: each for name, each in actions.items() if ".query." in name}
    slates = actions.get("action", actions.get("action.slate"))
    query_spec = simulator.query_spec
    turns = Turn(slates, query_spec._replace(**query) if query else query_spec)

    def play(turns: Turn) -> tf.Tensor:
        def step(carry: tuple[Nest, Any], inputs: Nest):
            number, turn = inputs
            step_seed, newcomer_seed = random.split_seed(tf.stack([number, 5]), 2)
            state, transition = simulator.step(carry[0], turn.action, step_seed)
            return simulator.replace(state, state.done, newcomer_seed), transition.reward

        state = simulator.reset(num_users, tf.constant([0, 1]))
        start = state, tf.zeros([num_users], simulator.users.dtype)
        numbers = tf.range(len(slates))
        return tf.scan(step, (numbers, turns), start)[1]

    with for_accelerators():
        rewards = compiled(play, jit_compile=True)(turns).numpy()
    here = compiled(lambda turns: play(turns), jit_compile=True)
    here(turns)
    times, begun = [], time.perf_counter()
    while not times or time.perf_counter() - begun < seconds:
        started = time.perf_counter()
        here(turns).numpy()
        times.append(time.perf_counter() - started)
    return rewards, float(np.median(times))
