"""Compiled programs of recsim_tf as StableHLO, which an accelerator runs without TensorFlow.

    python benchmarks/accelerator.py --output=FOLDER [--environment=ID ...] [--users=1000 ...]

The folder gets rollouts of every environment and agents in training, and `run.py`. On a machine
with JAX that script compiles the programs, compares their results with those that TensorFlow gives
here, and prints user-steps and train steps a second, and memory. The programs are those that
recsim_tf runs on a GPU or a TPU: static shapes, Philox, and loops over steps alone.
"""

import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import commands
import tensorflow as tf
from absl import app, flags
from accelerators import learners, rollouts
from accelerators.folder import Folder

import recsim_tf

_FLAGS = flags.FLAGS
_USERS = {False: (10**3, 10**4, 10**5, 10**6), True: (8,)}
# More users, by default. Elsewhere TensorFlow folds constants of so many users for minutes.
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
flags.DEFINE_bool("quick", False, "Few users and steps.")


def main() -> None:
    started, quick, path = time.perf_counter(), _FLAGS.quick, Path(_FLAGS.output)
    try:
        folder = Folder(path)
    except (OSError, ValueError) as error:
        raise app.UsageError(f"--output {error}") from error
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
    number = len(index["rollouts"]) + sum(len(agent["programs"]) for agent in index["learners"])
    print(
        f"{number} programs, {folder.num_bytes() / 2**20:.1f} MiB, in"
        f" {time.perf_counter() - started:.0f} s: {path}"
    )
    print(f"Run it where there is JAX: python {path / 'run.py'} --json=PATH")


if __name__ == "__main__":
    commands.run(main)
