# SPDX-License-Identifier: Apache-2.0
"""The `recsim-tf` command, with sub-commands to train, evaluate, show sessions, simulate, compare,
fit, validate, judge logs and policies from them, sweep, and score agents by a suite.
"""

import argparse
import contextlib
import functools
import gc
import importlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from recsim_tf._stack import without_messages
from recsim_tf.command_line.options import OF_RUNS, SWEEPS, parse
from recsim_tf.experiment.gin.config_files import find_config, packaged_configs
from recsim_tf.experiment.runs.process import exit_status, plain_output, quiet
from recsim_tf.support.errors import UsageError
from recsim_tf.support.stopping import noting_signals

# Commands that need no agents.
_FITTING = ("fit", "validate", "doctor", "ope")


def _folder(options: argparse.Namespace) -> Any:
    """The folder of a run. It loads the configuration of the options. Commands that take an
    existing run also load the configuration of the run, which the options override.
    """
    from recsim_tf.experiment import config
    from recsim_tf.experiment.runs.folder import RunDirectory

    given = options.gin_file, options.gin_bindings
    if options.command in OF_RUNS:
        folder = RunDirectory(options.root_dir)
        config.load(*given, folder.config_file, options.trust)
        return folder
    if not any(given):
        raise UsageError(
            f"--gin_file must name a config, such as one of {', '.join(packaged_configs())}"
        )
    return RunDirectory(options.root_dir, config.load(*given))


def _call(options: argparse.Namespace) -> None:
    """Calls the function of `building` for the command."""
    _result(options)


def _result(options: argparse.Namespace) -> Any:
    """The result of the function of `building` with the command's name and its special options."""
    from recsim_tf.experiment import building

    shared = ["command", "root_dir", "gin_file", "gin_bindings"]
    # A configuration has been read then; a fitted model has not.
    shared += [] if options.command in _FITTING else ["trust"]
    further = {name: value for name, value in vars(options).items() if name not in shared}
    return getattr(building, options.command)(_folder(options), **further)


def _ope(options: argparse.Namespace) -> int:
    from recsim_tf.experiment.commands import gate

    requirements = _result(options)["requirements"]
    return gate.exit_status(each["status"] for each in requirements)


def _compare(options: argparse.Namespace) -> None:
    from recsim_tf.experiment.commands import compare

    compare.run_comparison(options.runs, options.baseline, options.output)


def _doctor(options: argparse.Namespace) -> None:
    from recsim_tf.experiment import building

    building.doctor(options.log, options.column, options.multiple_clicks, options.output)


def _sweep(options: argparse.Namespace) -> int:
    from recsim_tf.experiment.sweeps import run, sweep_folder, trial

    if options.command == "sweep":
        engine = {"engine": options.engine, "ray_address": options.ray_address}
        run_trials: Any = functools.partial(run.run_sweep, **engine)
    else:
        from recsim_tf.experiment.suite import run_suite as run_trials
    result = run_trials(
        options.root_dir,
        options.sweep_file,
        options.gin_bindings,
        shard=sweep_folder.Shard.parse(options.shard),
        dry_run=options.dry_run,
    )
    return int(result is not None and any(each.status == trial.FAILED for each in result.trials))


def _import(command: str) -> None:
    """Imports a command's modules; raises a UsageError if an extra of recsim-tf is missing."""
    try:
        with without_messages():
            import tabulate  # noqa: F401  # The tables are printed at the end.
            import tensorflow as tf

            # This looks for GPUs, which prints messages. A tensor would fix the devices, which a
            # training may still change.
            tf.config.list_physical_devices()
            rooms = {"sweep": "sweeps.run", "suite": "suite"}
            room = rooms.get(command, f"commands.{command}")
            importlib.import_module(f"recsim_tf.experiment.{room}")
            if command not in (*_FITTING, "compare"):
                from recsim_tf.experiment.commands import train  # noqa: F401
            from recsim_tf.experiment import building, config  # noqa: F401
    except ModuleNotFoundError as error:
        extra = "fitting" if command in _FITTING else "agents"
        missing = f"recsim-tf {command} needs {error.name}: install recsim-tf[{extra}]"
        raise UsageError(str(error) if error.name == "tf_agents" else missing) from error


def _gin_files(options: argparse.Namespace) -> list[Path]:
    """The gin files of the options. A missing file is noticed before TensorFlow is imported."""
    if options.command in SWEEPS:
        return [find_config(options.sweep_file, "sweep_file")]
    if options.command == "doctor":
        return [find_config(options.log, "LOG")] if options.log.endswith(".gin") else []
    return [find_config(name) for name in getattr(options, "gin_file", ())]


@contextlib.contextmanager
def _current_folder_on_path() -> Iterator[None]:
    """A context in which gin files import from the current folder, as `python -m` does."""
    path = list(sys.path)
    if not sys.flags.safe_path:
        sys.path.insert(0, os.getcwd())
    try:
        yield
    finally:
        sys.path[:] = path


def run(arguments: Sequence[str]) -> int:
    """Runs a command in this process. Its output has no control characters, see `plain_output`.

    Args:
      arguments: the command line without the name of the program.

    Returns:
      The exit status: 0; 1 for trials that failed; 2 after an error, which is one line on
      standard error; 3 or 4 for a requirement of ope that is not met, see `gate`; 128 plus the
      number of the signal that stopped the command.
    """
    with plain_output():
        try:
            options = parse(arguments)
        except SystemExit as end:  # The command line asks for help, or has an error.
            return int(end.code or 0)
        return _run(options)


def _run(options: argparse.Namespace) -> int:
    commands = {"compare": _compare, "doctor": _doctor, "ope": _ope}
    commands |= dict.fromkeys(SWEEPS, _sweep)
    command = commands.get(options.command, _call)

    def imported_and_run() -> int | None:
        files = _gin_files(options)
        # A library may abort the process if its import is interrupted.
        with noting_signals() as stop:
            _import(options.command)
        if stop.signal is not None:
            signal.raise_signal(stop.signal)
        from recsim_tf.experiment.gin.binding_errors import refusals

        with refusals(files, getattr(options, "gin_bindings", ())):
            return command(options)

    with _current_folder_on_path():
        return exit_status(options.command, imported_and_run)


def main() -> None:
    """The entry point of the command."""
    quiet()
    status = run(sys.argv[1:])
    # Python loses Ctrl-C while it ends, so the default handler is restored. It would also look for
    # garbage among TensorFlow's many objects for a second or two.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.freeze()
    sys.exit(status)


if __name__ == "__main__":
    main()
