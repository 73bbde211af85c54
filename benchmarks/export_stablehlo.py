"""Writes a compiled rollout as StableHLO, a text that any XLA runtime compiles and runs without
TensorFlow.

    python benchmarks/export_stablehlo.py --output=PATH [--environment=InterestEvolution-v1]
        [--users=16384] [--steps=128] [--random=philox|threefry] [--calls=3] [--quick] [--json=PATH]

The program simulates auto-reset sessions under random slates, with the environment's default slate
size and number of candidates. Its function `main` takes the seed, int32 [2], and returns the total
reward, float32 [], and the number of sessions that ended, int32 []. Users and steps are fixed in
it, as XLA wants them; the steps are a loop. Philox is what recsim_tf draws with on accelerators,
ThreeFry what it draws with under XLA on the CPU; both are among StableHLO's own generators.

TensorFlow alone converts the program. It also runs it, so that the first line of the file, a
comment in JSON, tells what `benchmarks/run_stablehlo.py` (which needs JAX and no TensorFlow) should
find for a seed, and the figures what rates to compare with.
"""

import json
import math
import os
import re
import time
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import commands
import numpy as np
import processes
import tensorflow as tf
from absl import flags

import recsim_tf
from recsim_tf.core import random
from recsim_tf.policies import random_policy

_FLAGS = flags.FLAGS
_USERS, _STEPS, _CALLS = (
    {False: full, True: quick} for full, quick in ((16384, 32), (128, 4), (3, 1))
)
_SEED = 0

flags.DEFINE_string("output", None, "File for the program.", required=True)
flags.DEFINE_enum(
    "environment", "InterestEvolution-v1", recsim_tf.registered(), "What is simulated."
)
flags.DEFINE_integer(
    "users",
    None,
    f"Users at a time; default {_USERS[False]}, of a smoke run {_USERS[True]}.",
    lower_bound=1,
)
flags.DEFINE_integer(
    "steps",
    None,
    f"Steps of a call; default {_STEPS[False]}, of a smoke run {_STEPS[True]}.",
    lower_bound=1,
)
flags.DEFINE_enum("random", "philox", ["philox", "threefry"], "The bit generator.")
flags.DEFINE_integer(
    "calls",
    None,
    f"Timed calls; default {_CALLS[False]}, of a smoke run {_CALLS[True]}.",
    lower_bound=1,
)
commands.define_flags("A smoke run: few users and steps; its figures mean nothing.")


@flags.validator("output", "must be a file in a folder that exists")
def _is_writable(path: str | None) -> bool:
    return path is None or (Path(path).parent.is_dir() and not Path(path).is_dir())


class Program(NamedTuple):
    """What is exported."""

    environment: str
    users: int
    steps: int
    random: str  # "philox" or "threefry"


def rollout(program: Program):
    """A function compiled by XLA, seed int32 [2] -> (total reward float32, finished sessions
    int32).
    """
    # Any number of users are one world.
    simulator = recsim_tf.make(program.environment, users_per_world=None)

    def count(carry, transition):
        reward, sessions = carry
        finished = tf.cast(transition.terminated | transition.truncated, tf.int32)
        return reward + tf.reduce_sum(transition.reward), sessions + tf.reduce_sum(finished)

    @tf.function(input_signature=[tf.TensorSpec([2], tf.int32)], jit_compile=True, autograph=False)
    def simulate(seed):
        with random.algorithm(program.random):
            return simulator.fold(
                random_policy(simulator),
                program.users,
                program.steps,
                seed,
                count,
                (tf.zeros([]), tf.zeros([], tf.int32)),
                auto_reset=True,
            )

    return simulate


def stablehlo(function, name: str) -> str:
    """StableHLO text of a function that XLA compiles.

    Args:
      function: a `tf.function` with `jit_compile=True` and an input signature of static shapes.
      name: of the module.

    Raises:
      RuntimeError: if this TensorFlow has no StableHLO.
    """
    try:
        text = function.experimental_get_compiler_ir(*function.input_signature)(stage="stablehlo")
    except ValueError as error:
        raise RuntimeError(
            f"TensorFlow {tf.__version__} did not export the function: {error}"
        ) from error
    # What comes out of the HLO has a constant for every use and dead code. Printing it again also
    # drops the places in Python sources.
    text = tf.mlir.experimental.run_pass_pipeline(text, "inline,canonicalize,cse,symbol-dce")
    # These attributes are not StableHLO's own and say nothing here; the module's name counts the
    # functions of the process.
    text = re.sub(r" \{mhlo\.frontend_attributes = \{[^{}]*\}\}", "", text)
    text = re.sub(
        r"^module @\S+ attributes \{.*\} \{$",
        f"module @{name} {{",
        text,
        count=1,
        flags=re.MULTILINE,
    )
    return re.sub(
        r'(%\w+) = stablehlo\.constant dense<"0x(\w+)"> : tensor<([0-9x]+)xi1>',
        _portable_booleans,
        text,
    )


def _portable_booleans(constant: re.Match) -> str:
    """A long boolean constant as one of bytes: how booleans are packed into hexadecimal digits
    depends on the version of MLIR.
    """
    result, digits, shape = constant.groups()
    count = math.prod(int(size) for size in shape.split("x"))
    values = np.unpackbits(
        np.frombuffer(bytes.fromhex(digits), np.uint8), count=count, bitorder="little"
    )
    numbers = (
        f'{result}_bytes = stablehlo.constant dense<"0x{values.tobytes().hex().upper()}"> :'
        f" tensor<{shape}xui8>"
    )
    return (
        f"{numbers}\n    {result} = stablehlo.convert {result}_bytes : (tensor<{shape}xui8>) ->"
        f" tensor<{shape}xi1>"
    )


def measure(simulate, program: Program, calls: int) -> dict[str, float]:
    """What TensorFlow's XLA makes of the program here, and how fast."""
    started = time.perf_counter()
    reward, sessions = (result.numpy().item() for result in simulate(random.as_seed(_SEED)))
    first_call = time.perf_counter() - started
    cpu, wall = time.process_time(), time.perf_counter()
    for call in range(1, calls + 1):
        [result.numpy() for result in simulate(random.as_seed(_SEED + call))]
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    user_steps = calls * program.users * program.steps
    return {
        "reward": reward,
        "sessions": sessions,
        "first_call_seconds": first_call,
        "user_steps_per_cpu_second": user_steps / cpu,
        "user_steps_per_wall_second": user_steps / wall,
    }


def export(program: Program, path: Path, calls: int) -> dict[str, float]:
    """Writes the file; returns the figures by name."""
    simulate = rollout(program)
    started = time.perf_counter()
    text = stablehlo(simulate, re.sub(r"\W", "_", program.environment.lower()))
    export_seconds = time.perf_counter() - started
    found = measure(simulate, program, calls)
    header = {
        **program._asdict(),
        "seed": _SEED,
        "reward": found["reward"],
        "sessions": found["sessions"],
    }
    header.update(recsim_tf=recsim_tf.__version__, tensorflow=tf.__version__)
    path.write_text(f"// {json.dumps(header)}\n{text}")
    return {
        "bytes": path.stat().st_size,
        "operations": len(re.findall(r"\bstablehlo\.\w+", text)),
        "random_draws": text.count("stablehlo.rng_bit_generator"),
        "export_seconds": export_seconds,
        **found,
    }


def main() -> None:
    quick = _FLAGS.quick
    users, steps, calls = (
        _FLAGS.users or _USERS[quick],
        _FLAGS.steps or _STEPS[quick],
        _FLAGS.calls or _CALLS[quick],
    )
    program, load_before = (
        Program(_FLAGS.environment, users, steps, _FLAGS.random),
        os.getloadavg()[0],
    )
    figures = export(program, Path(_FLAGS.output), calls)
    worker = {
        "device": tf.config.list_logical_devices()[-1].device_type,
        "tensorflow": tf.__version__,
    }
    machine = processes.machine(worker, load_before)
    cpu, wall = (figures[f"user_steps_per_{unit}_second"] / 1e6 for unit in ("cpu", "wall"))
    first = figures["first_call_seconds"]
    lines = [
        f"{program.environment}, {users:,} users, {steps:,} steps, {program.random}:"
        f" {_FLAGS.output}",
        f"{figures['bytes']:,} bytes, {figures['operations']:,} operations,"
        f" {figures['random_draws']} of them draw random bits",
        f"seed {_SEED}: reward {figures['reward']:,.1f}, {figures['sessions']:,} sessions ended",
        f"TensorFlow's XLA: {cpu:.3f} million user-steps a CPU second, {wall:.3f} a wall second;"
        f" first call {first:.1f} s",
        processes.machine_line(machine),
        *processes.load_lines(machine, quick),
    ]
    name = f"{program.environment}/{program.random}"
    result = {
        "benchmark": "export_stablehlo",
        "quick": quick,
        "program": program._asdict(),
        "machine": machine,
    }
    result["figures"] = {f"{name}/{key}": value for key, value in figures.items()}
    command = [
        "python benchmarks/export_stablehlo.py",
        "--output=PATH",
        "--json=PATH",
        f"--environment={program.environment}",
    ]
    command += [
        f"--users={users}",
        f"--steps={steps}",
        f"--random={program.random}",
        f"--calls={calls}",
        *(["--quick"] if quick else []),
    ]
    commands.finish(command, result, "\n".join(lines))


if __name__ == "__main__":
    commands.run(main)
