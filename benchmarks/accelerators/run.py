# SPDX-License-Identifier: Apache-2.0
"""Compiles, checks and times what `benchmarks/accelerator.py` exported, with JAX's XLA on its
default device, without TensorFlow and without recsim_tf.

    PYTHON FOLDER/run.py [--json=PATH] [--most-users=1000000] [--seconds=2] [--quick]

PYTHON is an interpreter that has JAX 0.7 or later. For the seeds of the export the results should
be TensorFlow's: the bits that are drawn are the same, and sums may be rounded otherwise. Exit
status 1 says that a result differs, and 3 that JAX is missing.
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

try:
    import jax
    import jax.experimental
    import numpy as np
    from jax.extend import backend
except ImportError as error:
    print(f"JAX 0.7 or later is needed, and this interpreter lacks it: {error}", file=sys.stderr)
    sys.exit(3)

# JAX 0.8 moved it.
enable_x64 = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
_HERE = Path(__file__).parent
# Largest relative difference from TensorFlow. A number that is rounded otherwise now and then
# changes a user's choice; and in a loss after some train steps the rounding of matrix products adds
# up.
_ROUNDING = {"reward": 1e-3, "sessions": 1e-2, "loss": 2e-2}


def on_device(value) -> jax.Array:
    """An array on the device, of the same type also where that has 64 bits."""
    with enable_x64(True):
        return jax.device_put(value, jax.devices()[0])


class Executable:
    """A program that is compiled for the device.

    Attributes:
      compile_seconds: how long that took.
      num_bytes: of its arguments, results and temporary arrays.
    """

    def __init__(self, file: str):
        device, started = jax.devices()[0], time.perf_counter()
        self._program = device.client.compile_and_load(
            (_HERE / file).read_text(),
            [device],
            backend.get_compile_options(num_replicas=1, num_partitions=1),
        )
        self.compile_seconds = time.perf_counter() - started
        memory = self._program.get_compiled_memory_stats()
        self.num_bytes = (
            memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes
        )

    def __call__(self, *arguments) -> list[jax.Array]:
        return self._program.execute([on_device(argument) for argument in arguments])


class Learner:
    """An agent in training: programs that share variables.

    Args:
      entry: the index of its programs.
    """

    def __init__(self, entry: dict[str, Any]):
        arrays = np.load(_HERE / entry["arrays"])
        self._values = [
            on_device(
                arrays[str(number)] if str(number) in arrays else np.zeros(shape, np.dtype(dtype))
            )
            for number, (shape, dtype) in enumerate(entry["variables"])
        ]
        self._programs = entry["programs"]
        self.executables = {
            role: Executable(program["program"]) for role, program in self._programs.items()
        }

    def __call__(self, role: str, number: int) -> float:
        """Repeats a program; its first result, a loss, or 0 where it has none."""
        program = self._programs[role]
        results = self.executables[role](
            np.int32(number), *(self._values[variable] for variable in program["variables"])
        )
        for variable, output in program["updates"]:
            self._values[variable] = results[output]
        jax.block_until_ready(self._values)
        has_loss = all(output > 0 for _, output in program["updates"])
        return float(results[0]) if has_loss else 0.0


def timed(call, seconds: float, user_steps: int) -> dict[str, float]:
    """Rates of calls, by their numbers from 1, that go on for so long; at least one."""
    calls, cpu, wall = 0, time.process_time(), time.perf_counter()
    while not calls or time.perf_counter() - wall < seconds:
        calls += 1
        call(calls)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {
        "per_second": calls * user_steps / wall,
        "per_cpu_second": calls * user_steps / cpu,
    }


def differences(results: dict[str, float], expected: dict[str, float]) -> list[str]:
    """Results that differ from those of TensorFlow."""
    return [
        f"{name} {results[name]:,.6g} and not {value:,.6g}"
        for name, value in expected.items()
        if not abs(results[name] - value) <= _ROUNDING[name] * max(abs(value), 1.0)
    ]


def rollout(entry: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Figures of a rollout, and what differs."""
    program = Executable(entry["program"])
    seed = np.array(entry["seed"], np.int32)

    def call(number):
        # The second word counts the calls.
        reward, sessions = program(seed + np.array([0, number], np.int32))
        return {"reward": float(reward), "sessions": int(sessions)}

    results = call(0)
    user_steps = entry["users"] * entry["steps"]
    return {
        **timed(call, seconds, user_steps),
        "reward_per_user_step": results["reward"] / user_steps,
        "compile_seconds": program.compile_seconds,
        "bytes_per_user": program.num_bytes / entry["users"],
        "differences": differences(results, entry["expected"] or {}),
        "is_compared": entry["expected"] is not None,
    }


def learner(entry: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Figures of an agent in training, and what differs."""
    learn = Learner(entry)
    learn("collect", entry["warm_up"])
    results = {"loss": learn("learn", entry["compared"])}
    figures: dict[str, Any] = {
        "compile_seconds": sum(
            executable.compile_seconds for executable in learn.executables.values()
        ),
        "num_bytes": learn.executables["learn"].num_bytes,
        "differences": differences(results, entry["expected"]),
    }
    for role in ("train", "learn"):
        started = time.perf_counter()
        learn(role, 1)
        # A call takes at least a tenth of a second, so that what it costs to make one is little.
        number = max(1, round(0.1 / max(time.perf_counter() - started, 1e-4)))
        figures[f"{role}_steps_per_second"] = timed(
            lambda _, role=role, number=number: learn(role, number), seconds, number
        )["per_second"]
    figures["user_steps_per_second"] = (
        figures["learn_steps_per_second"] * entry["user_steps_per_iteration"]
    )
    return figures


def measure(index: dict[str, Any], arguments: argparse.Namespace) -> dict[str, Any]:
    """Figures by kind and name of the program; prints a line of each."""
    figures_by_kind: dict[str, Any] = {"rollouts": {}, "learners": {}}
    for entry in index["learners"]:
        figures = figures_by_kind["learners"][entry["name"]] = learner(entry, arguments.seconds)
        print(
            f"{entry['name']}: {figures['train_steps_per_second']:,.1f} train steps a second;"
            f" {figures['learn_steps_per_second']:,.1f} iterations a second,"
            f" {figures['user_steps_per_second']:,.0f} user steps;"
            f" {figures['num_bytes'] / 2**20:,.0f} MiB; compiled in"
            f" {figures['compile_seconds']:.1f} s; {_verdict(figures['differences'])}",
            flush=True,
        )
    for entry in index["rollouts"]:
        if entry["users"] > arguments.most_users:
            continue
        figures = figures_by_kind["rollouts"][entry["name"]] = rollout(entry, arguments.seconds)
        verdict = f"reward a user-step {figures['reward_per_user_step']:.4f}"
        if figures["is_compared"]:
            verdict = _verdict(figures["differences"])
        print(
            f"{entry['name']}: {figures['per_second'] / 1e6:,.2f} million user-steps a second;"
            f" {figures['bytes_per_user']:,.0f} bytes a user; compiled in"
            f" {figures['compile_seconds']:.1f} s; {verdict}",
            flush=True,
        )
    return figures_by_kind


def _verdict(differences: list[str]) -> str:
    return "DIFFERS: " + "; ".join(differences) if differences else "as TensorFlow found it"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", help="file for the figures")
    parser.add_argument("--most-users", type=int, default=10**9, help="of a rollout")
    parser.add_argument("--seconds", type=float, default=2.0, help="for which each is timed")
    parser.add_argument(
        "--quick", action="store_true", help="a smoke run; its figures mean nothing"
    )
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.seconds = 0.0
    index = json.loads((_HERE / "programs.json").read_text())
    device = jax.devices()[0]
    machine = {
        "device": device.device_kind,
        "platform": device.platform,
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "jax": jax.__version__,
    }
    print(
        f"{machine['device']} ({machine['platform']}), {machine['cores']} cores"
        f" ({machine['processor']}), JAX {machine['jax']}; programs of recsim_tf"
        f" {index['recsim_tf']} by TensorFlow {index['tensorflow']}"
    )
    figures_by_kind = measure(index, arguments)
    if arguments.quick:
        print("A smoke run: these figures mean nothing.")
    if arguments.json:
        result = {
            "command": " ".join(
                ["PYTHON FOLDER/run.py", "--json=PATH"]
                + [word for word in sys.argv[1:] if word != f"--json={arguments.json}"]
            ),
            "benchmark": "accelerator",
            "quick": arguments.quick,
            "machine": machine,
            "figures": figures_by_kind,
        }
        Path(arguments.json).write_text(json.dumps(result, indent=2) + "\n")
    differing = [
        name
        for kind in ("rollouts", "learners")
        for name, figures in figures_by_kind[kind].items()
        if figures["differences"]
    ]
    if differing:
        print(f"Results differ from TensorFlow's: {', '.join(differing)}", file=sys.stderr)
    return bool(differing)


if __name__ == "__main__":
    sys.exit(main())
