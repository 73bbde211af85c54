"""Compiles, runs and times a file of `benchmarks/export_stablehlo.py` with JAX's XLA, on its
default device, without TensorFlow.

    PYTHON benchmarks/run_stablehlo.py FILE [--seed=0] [--calls=10] [--quick] [--json=PATH]

PYTHON is an interpreter that has JAX 0.7 or later; recsim_tf need not be there. For the seed that
the file tells of, the results should be TensorFlow's: the bits that are drawn are the same, sums
may be rounded otherwise. Exit status 3 says that JAX is missing.
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import processes

_JAX_IS_MISSING = 3


def read(path: Path) -> tuple[dict[str, Any], str]:
    """What the first line of a file tells, and the whole text, which is the program: that line is a
    comment.

    Raises:
      ValueError: if the file is not one of `export_stablehlo.py`.
    """
    text = path.read_text()
    first = text.partition("\n")[0]
    try:
        told = json.loads(first.removeprefix("// "))
        told["users"], told["steps"], told["seed"], told["reward"], told["sessions"]
    except (ValueError, TypeError, KeyError):
        raise ValueError(
            "FILE must be written by export_stablehlo.py, which tells of it in the first line, got"
            f" {first[:80]!r}"
        ) from None
    return told, text


def seed_words(seed: int) -> list[int]:
    """The seed int32 [2] that recsim_tf makes of an integer in [0, 2**64)."""
    return [word - 2**32 if word >= 2**31 else word for word in (seed >> 32, seed & 0xFFFFFFFF)]


def measure(
    text: str, user_steps: int, seed: int, calls: int
) -> tuple[dict[str, float], dict[str, Any]]:
    """Figures by name, and where they were found.

    Args:
      text: the program.
      user_steps: of a call.
      seed: of the first call; the timed calls have the next seeds.
      calls: how many are timed.

    Raises:
      ImportError: if there is no JAX, or one that is too old.
    """
    import jax
    import numpy as np
    from jax.extend import backend

    device = jax.devices()[0]
    if not hasattr(device.client, "compile_and_load"):
        raise ImportError(f"JAX {jax.__version__} is too old")

    load_before = os.getloadavg()[0]
    started = time.perf_counter()
    program = device.client.compile_and_load(
        text, [device], backend.get_compile_options(num_replicas=1, num_partitions=1)
    )
    compile_seconds = time.perf_counter() - started

    def call(seed):
        return [
            np.asarray(result).item()
            for result in program.execute(
                [jax.device_put(np.array(seed_words(seed), np.int32), device)]
            )
        ]

    reward, sessions = call(seed)
    cpu, wall = time.process_time(), time.perf_counter()
    for number in range(1, calls + 1):
        call((seed + number) % 2**64)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    figures = {
        "reward": reward,
        "sessions": sessions,
        "compile_seconds": compile_seconds,
        "user_steps_per_cpu_second": calls * user_steps / cpu,
        "user_steps_per_wall_second": calls * user_steps / wall,
    }
    machine = {
        "device": device.device_kind,
        "cores": (
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        ),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "jax": jax.__version__,
        "load_average": [load_before, os.getloadavg()[0]],
    }
    return figures, machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path, metavar="FILE", help="the program")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the first call; the timed calls have the next seeds"
    )
    parser.add_argument("--calls", type=int, help="timed calls; default 10, of a smoke run 1")
    parser.add_argument(
        "--quick", action="store_true", help="a smoke run; its figures mean nothing"
    )
    parser.add_argument("--json", help="file for the figures")
    arguments = parser.parse_args()
    calls = (1 if arguments.quick else 10) if arguments.calls is None else arguments.calls
    if calls < 1:
        parser.error(f"--calls must be at least 1, got {calls}")
    if not 0 <= arguments.seed < 2**64:
        parser.error(f"--seed must be in [0, 2**64), got {arguments.seed}")
    if not arguments.file.is_file():
        parser.error(f"FILE must be a file, got {arguments.file}")
    try:
        told, text = read(arguments.file)
    except ValueError as error:
        parser.error(str(error))

    try:
        figures, machine = measure(text, told["users"] * told["steps"], arguments.seed, calls)
    except ImportError as error:
        print(
            f"JAX 0.7 or later is needed, and this interpreter does not have it: {error}",
            file=sys.stderr,
        )
        sys.exit(_JAX_IS_MISSING)

    print(
        f"{told['environment']}, {told['users']:,} users, {told['steps']:,} steps, {told['random']}"
    )
    print(
        f"seed {arguments.seed}: reward {figures['reward']:,.1f}, {figures['sessions']:,} sessions"
        " ended"
    )
    if arguments.seed == told["seed"]:
        figures["reward_of_tensorflow"], figures["sessions_of_tensorflow"] = (
            told["reward"],
            told["sessions"],
        )
        print(
            f"TensorFlow {told['tensorflow']}: reward {told['reward']:,.1f}, {told['sessions']:,}"
            " sessions ended"
        )
    cpu, wall = (figures[f"user_steps_per_{unit}_second"] / 1e6 for unit in ("cpu", "wall"))
    print(
        f"{cpu:.3f} million user-steps a CPU second, {wall:.3f} a wall second; compiled in"
        f" {figures['compile_seconds']:.1f} s"
    )
    print(
        f"{machine['device']}, {machine['cores']} cores ({machine['processor']}), JAX"
        f" {machine['jax']}"
    )
    print("\n".join(processes.load_lines(machine, arguments.quick)))
    result = {
        "benchmark": "run_stablehlo",
        "quick": arguments.quick,
        "program": told,
        "machine": machine,
    }
    result["figures"] = {
        f"{told['environment']}/{told['random']}/{name}": value for name, value in figures.items()
    }
    command = [
        "PYTHON benchmarks/run_stablehlo.py",
        "FILE",
        "--json=PATH",
        f"--seed={arguments.seed}",
        f"--calls={calls}",
    ]
    processes.write(arguments.json, command + ["--quick"] * arguments.quick, result)


if __name__ == "__main__":
    main()
