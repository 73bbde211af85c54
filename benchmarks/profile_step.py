"""What the time of a simulation's step is spent on, by TensorFlow's profiler: XLA's kernels, or
graph operations, of the loop's body.

    python benchmarks/profile_step.py [--environment=InterestEvolution-v1] [--users=16384]
        [--mode=xla] [--json=PATH] [--hlo=PATH]

Random slates, auto-reset, one core. A kernel's name is that of its fusion in XLA's optimised
program, which `--hlo` writes: there one finds what it computes, with the name of the TensorFlow
operation. A fusion that takes long for what it does has often recomputed something of another
fusion, or was not vectorised; docs/performance.md has cases.
"""

import collections
import glob
import tempfile
from pathlib import Path

import commands
import tensorflow as tf
from absl import app, flags
from speeds.common import MODES, NUM_CANDIDATES, SLATE_SIZES
from speeds.simulation_worker import simulation

import recsim_tf
from recsim_tf.core import random
from recsim_tf.tables import text_table

_FLAGS = flags.FLAGS
commands.define_flags(quick="A smoke run with few users.")
flags.DEFINE_string("hlo", None, "File for XLA's optimised program, with --mode=xla.")
flags.DEFINE_enum("environment", "InterestEvolution-v1", list(SLATE_SIZES), "What is simulated.")
flags.DEFINE_enum("mode", "xla", list(MODES), "Whether XLA compiles.")
flags.DEFINE_integer("users", 16384, "Batch size.", lower_bound=1)
flags.DEFINE_integer("steps", 64, "Steps that are profiled.", lower_bound=2)
_ROWS = 25


def profile(
    environment: str, users: int, steps: int, xla: bool, hlo: str | None
) -> dict[str, float]:
    """Nanoseconds a user-step by kernel, largest first; of those that ran in at least a quarter of
    the steps.
    """
    simulator = recsim_tf.make(
        environment, slate_size=SLATE_SIZES[environment], num_candidates=NUM_CANDIDATES
    )
    simulate = simulation(simulator, users, steps, xla)
    simulate(random.as_seed(0))
    if hlo:
        Path(hlo).write_text(
            simulate.experimental_get_compiler_ir(random.as_seed(0))(stage="optimized_hlo")
        )
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(
            folder, options=tf.profiler.experimental.ProfilerOptions(host_tracer_level=3)
        )
        [float(result) for result in simulate(random.as_seed(1))]
        tf.profiler.experimental.stop()
        return _kernels(folder, users, steps)


def _kernels(folder: str, users: int, steps: int) -> dict[str, float]:
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    spent: collections.Counter[str] = collections.Counter()
    times: collections.Counter[str] = collections.Counter()
    for path in glob.glob(f"{folder}/**/*.xplane.pb", recursive=True):
        space = xplane_pb2.XSpace()
        space.ParseFromString(Path(path).read_bytes())
        for plane in space.planes:
            for line in plane.lines:
                for event in line.events:
                    name = plane.event_metadata[event.metadata_id].name
                    spent[name] += event.duration_ps
                    times[name] += 1
    frequent = [
        name
        for name, count in spent.most_common()
        if count and times[name] >= steps / 4 and not name.startswith("end: ")
    ]
    return {name: spent[name] / 1e3 / (users * steps) for name in frequent}


def main() -> None:
    if _FLAGS.hlo and _FLAGS.mode != "xla":
        raise app.UsageError(f"--hlo needs --mode=xla, got --mode={_FLAGS.mode}")
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    users, steps = (4, 4) if _FLAGS.quick else (_FLAGS.users, _FLAGS.steps)
    kernels = profile(_FLAGS.environment, users, steps, MODES[_FLAGS.mode], _FLAGS.hlo)
    title = (
        f"{_FLAGS.environment}, {users:,} users, {_FLAGS.mode}: nanoseconds of wall time a"
        " user-step, callers with what they call"
    )
    rows = [("nanoseconds", "operation")]
    rows += [
        (f"{nanoseconds:.2f}", name[:100]) for name, nanoseconds in list(kernels.items())[:_ROWS]
    ]
    figures = {f"nanoseconds/{name}": value for name, value in kernels.items()}
    command = [
        "python benchmarks/profile_step.py",
        f"--environment={_FLAGS.environment}",
        f"--mode={_FLAGS.mode}",
        f"--users={users}",
        f"--steps={steps}",
        "--json=PATH",
    ]
    result = {"benchmark": "profile_step", "quick": _FLAGS.quick, "figures": figures}
    commands.finish(command, result, f"{title}\n{text_table(rows, left=(1,))}")


if __name__ == "__main__":
    commands.run(main)
