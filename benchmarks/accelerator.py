"""Programs for an accelerator: rollouts of every environment and agents in training, as StableHLO
that JAX runs without TensorFlow.

    python benchmarks/accelerator.py --output=FOLDER [--environment=InterestEvolution-v1 ...]
        [--users=1000 ...] [--jax_python=PYTHON] [--json=PATH] [--quick]

Writes a folder of at most 64 MiB. On a machine with an accelerator and JAX, `python FOLDER/run.py`
compiles the programs, compares what they compute with what TensorFlow found here, and prints
user-steps and train steps a second, memory, and how fast the same dynamics are that are written in
JAX. With `--jax_python`, an interpreter that has JAX, that is also done here, and `--json` gets its
figures. The programs are those that recsim_tf runs on a GPU or a TPU: static shapes, Philox, and
loops over steps alone.
"""

import os
import subprocess
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import commands
import processes
import tensorflow as tf
from absl import app, flags
from accelerators import learners, rollouts
from accelerators.folder import MOST_BYTES, Folder

import recsim_tf

_FLAGS = flags.FLAGS
_USERS = {False: (10**3, 10**4, 10**5, 10**6), True: (8,)}
# Beside them, by default. Elsewhere TensorFlow folds constants of so many users for minutes.
_MORE_USERS = {"InterestEvolution-v1": 10**7}

flags.DEFINE_string("output", None, "A new or empty folder, or one of an earlier export.")
flags.mark_flag_as_required("output")
flags.DEFINE_multi_enum(
    "environment",
    recsim_tf.registered(),
    recsim_tf.registered(),
    "An environment; may be repeated.",
)
flags.DEFINE_multi_integer(
    "users",
    None,
    f"Users at a time; may be repeated. By default {', '.join(map(str, _USERS[False]))}, and in"
    " interest evolution 10000000.",
    lower_bound=1,
)
flags.DEFINE_string("jax_python", None, "A Python interpreter that has JAX.")
flags.DEFINE_alias("jax-python", "jax_python")
commands.define_flags()


def export(folder: Folder) -> str:
    """Writes everything; a line about it."""
    started, quick = time.perf_counter(), _FLAGS.quick
    sizes = {}
    for environment in dict.fromkeys(_FLAGS.environment):
        users = {*(_FLAGS.users or _USERS[quick])}
        if not (quick or _FLAGS.users or environment not in _MORE_USERS):
            users.add(_MORE_USERS[environment])
        sizes[environment] = sorted(users)
    index = {
        "recsim_tf": recsim_tf.__version__,
        "tensorflow": tf.__version__,
        "quick": quick,
        "learners": learners.export(folder, quick),
        "rollouts": rollouts.export(folder, sizes, quick),
    }
    folder.add_index(index)
    size = folder.num_bytes()
    if size > MOST_BYTES:
        raise app.UsageError(
            f"--users and --environment make {size / 2**20:.0f} MiB, and {MOST_BYTES / 2**20:.0f}"
            " MiB are allowed: name fewer"
        )
    number = len(index["rollouts"]) + sum(len(each["programs"]) for each in index["learners"])
    return (
        f"{number} programs, {size / 2**20:.1f} MiB, in {time.perf_counter() - started:.0f} s:"
        f" {_FLAGS.output}"
    )


def main() -> None:
    path = Path(_FLAGS.output)
    try:
        folder = Folder(path)
    except (OSError, ValueError) as error:
        raise app.UsageError(f"--output {error}") from error
    print(export(folder), flush=True)
    if _FLAGS.jax_python is None:
        print(f"Run it where there is JAX: python {path / 'run.py'} --json=PATH")
        return
    arguments = ["--quick"] * _FLAGS.quick + [f"--json={_FLAGS.json}"] * bool(_FLAGS.json)
    try:
        status = subprocess.run(
            [_FLAGS.jax_python, str(path / "run.py"), *arguments], env=processes.environment({})
        ).returncode
    except OSError as error:
        raise app.UsageError(
            f"--jax_python must be an interpreter, got {_FLAGS.jax_python}: {error.strerror}"
        ) from error
    if status:
        raise SystemExit(status)


if __name__ == "__main__":
    commands.run(main)
