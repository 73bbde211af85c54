"""The command line that benchmarks share: their common flags, and what becomes of a result.

A benchmark imports it before TensorFlow, which reads the environment.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

import processes
from absl import app, flags

_FLAGS = flags.FLAGS
# TensorFlow is imported before recsim_tf, which would settle it.
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# The flags that are defined here are the program's.
flags.disclaim_key_flags()


def define_flags(
    quick: str = "A smoke run; its figures mean nothing.",
    plot: str | None = None,
    seed: bool = False,
) -> None:
    """Defines --json, --quick with its help, --plot where that has a help, and --seed."""
    flags.DEFINE_string("json", None, "File for the figures.")
    flags.DEFINE_bool("quick", False, quick)
    if plot:
        flags.DEFINE_string("plot", None, plot)
    if seed:
        flags.DEFINE_integer("seed", 0, "Seed of everything that is drawn.")


def run(main: Callable[[], None]) -> None:
    """Runs a program that takes flags alone."""

    def checked(argv):
        if len(argv) > 1:
            raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
        main()

    app.run(checked)


def finish(
    command: Sequence[str],
    result: dict[str, Any],
    table: str,
    plot: Callable[[str], None] | None = None,
) -> None:
    """Prints the table of a result, and writes the result and its plot where the flags ask for it.

    Args:
      command: that made it.
      result: for the JSON file.
      table: the same for a person.
      plot: draws it to a path.
    """
    print(table)
    processes.write(_FLAGS.json, command, result)
    if plot is not None and _FLAGS.plot:
        plot(_FLAGS.plot)
