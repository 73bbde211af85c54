# SPDX-License-Identifier: Apache-2.0
"""The command line that benchmarks share: common flags, and the output of a result.

A benchmark imports it before TensorFlow, which reads the environment.
"""

import datetime
import json
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from absl import app, flags

_FLAGS = flags.FLAGS
# The environment of other processes. TensorFlow and recsim_tf change that of this one, and peers
# have another TensorFlow.
ENVIRONMENT = dict(os.environ)
# TensorFlow is imported before recsim_tf, which would settle it.
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# The flags that are defined here are the program's.
flags.disclaim_key_flags()


def define_flags(
    quick: str = "A smoke run; its figures mean nothing.",
    seed: bool = False,
) -> None:
    """Defines --json and --quick, and --seed if it is asked for."""
    flags.DEFINE_string("json", None, "File for the figures.")
    flags.DEFINE_bool("quick", False, quick)
    if seed:
        flags.DEFINE_integer("seed", 0, "Seed of everything that is drawn.")


def run(main: Callable[[], None]) -> None:
    """Runs a program that takes flags alone."""

    def checked(argv):
        if len(argv) > 1:
            raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
        main()

    app.run(checked)


def finish(command: Sequence[str], result: dict[str, Any], table: str) -> None:
    """Prints the table of a result, and writes the result where the flags ask for it, with its
    command, date and commit.

    Args:
      command: the command that made it.
      result: the content of the JSON file.
      table: the result for a person.
    """
    print(table)
    if _FLAGS.json:
        content = {"command": " ".join(command), **_version(), **result}
        Path(_FLAGS.json).write_text(json.dumps(content, indent=2) + "\n")


def _version() -> dict[str, Any]:
    """The date and the commit of a result, and whether files differed from that commit; None where
    the benchmark is not in a checkout.
    """
    folder = Path(__file__).parent

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True)
        except OSError:
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    # Results themselves are left out.
    paths = ":/", ":(exclude,top)benchmarks/results"
    changed = git("status", "--porcelain", "--", *paths)
    return {
        "date": datetime.date.today().isoformat(),
        "commit": git("rev-parse", "HEAD"),
        "is_clean": None if changed is None else not changed,
    }
