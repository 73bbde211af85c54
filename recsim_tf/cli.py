"""The `recsim-tf` command: one sub-command each to train, evaluate, simulate, fit and sweep."""

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import NoReturn

from recsim_tf.experiment.runs.command import ERROR_PREFIX, exit_status, quiet
from recsim_tf.experiment.runs.errors import UsageError


class _Parser(argparse.ArgumentParser):
    """Tells an error in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{ERROR_PREFIX}{message}\n")


class _Help(argparse.HelpFormatter):
    """Each option in one line, with its default."""

    def __init__(self, prog: str):
        super().__init__(prog, max_help_position=30, width=110)

    def _get_help_string(self, action):
        if action.required or action.default is argparse.SUPPRESS:
            return action.help
        default = {True: "on", False: "off"}.get(action.default) if action.nargs == 0 else None
        return f"{action.help} (default: {default or action.default or 'none'})"


def _parser() -> argparse.ArgumentParser:
    folder = _Parser(add_help=False)
    folder.add_argument("--root_dir", required=True, metavar="DIR", help="folder of the run")
    bindings = _Parser(add_help=False)
    bindings.add_argument(
        "--gin_bindings",
        action="append",
        default=[],
        metavar="BINDING",
        help="such as 'train.num_iterations=100'; may be repeated",
    )
    files = _Parser(add_help=False)
    files.add_argument(
        "--gin_file",
        action="append",
        default=[],
        metavar="FILE",
        help="a path or the name of a packaged config; may be repeated",
    )
    configured = [folder, files, bindings]
    main = _Parser(prog="recsim-tf", description="Train, evaluate, simulate, fit and sweep.")
    commands = main.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str, run, parents) -> argparse.ArgumentParser:
        # No abbreviations: an option that is added later must not change what one means.
        parser = commands.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            parents=parents,
            allow_abbrev=False,
            formatter_class=_Help,
        )
        parser.set_defaults(run=run)
        return parser

    command("train", "train an agent, or go on with a run", _train, configured)
    evaluate = command(
        "evaluate", "evaluate the agent of a run, and its baselines", _evaluate, configured
    )
    way = evaluate.add_mutually_exclusive_group()
    way.add_argument(
        "--explain", action="store_true", help="also print a few slates with the agent's values"
    )
    way.add_argument(
        "--watch",
        action="store_true",
        help="evaluate at every new checkpoint, while another process trains",
    )
    evaluate.add_argument(
        "--watch_timeout",
        type=float,
        default=3600.0,
        metavar="SECONDS",
        help="end --watch after so long without a new checkpoint",
    )
    simulate = command(
        "simulate", "simulate sessions under policies that do not learn", _simulate, configured
    )
    simulate.add_argument(
        "--episode_file", metavar="FILE", help="also write sessions into this new TFRecord file"
    )
    command("fit", "fit user models to a log, or go on with a fit", _fit, configured)
    sweep = command(
        "sweep", "train variants with seeds, or go on with that", _sweep, [folder, bindings]
    )
    sweep.add_argument(
        "--sweep_file",
        required=True,
        metavar="FILE",
        help="gin file: a path or the name of a packaged sweep",
    )
    sweep.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="run trials as processes of this machine or by Ray Tune",
    )
    sweep.add_argument(
        "--ray_address", metavar="HOST:PORT", help="a Ray cluster, instead of Ray on this machine"
    )
    sweep.add_argument(
        "--shard", default="0/1", metavar="I/N", help="run every N-th trial from I on"
    )
    sweep.add_argument("--dry_run", action="store_true", help="list the trials, and do nothing")
    return main


def _folder(options: argparse.Namespace):
    """The folder of a run with the configuration of the options."""
    from recsim_tf.experiment import config
    from recsim_tf.experiment.runs.folder import RunDirectory

    if not options.gin_file and not options.gin_bindings:
        raise UsageError(
            f"--gin_file must name a config, such as one of {', '.join(config.packaged_configs())}"
        )
    return RunDirectory(options.root_dir, config.load(options.gin_file, options.gin_bindings))


def _train(options: argparse.Namespace) -> None:
    from recsim_tf.experiment import commands

    commands.train(_folder(options))


def _evaluate(options: argparse.Namespace) -> None:
    from recsim_tf.experiment import commands, config
    from recsim_tf.experiment.runs.folder import RunDirectory

    folder = RunDirectory(options.root_dir)
    config.load([str(folder.config_file), *options.gin_file], options.gin_bindings)
    if options.watch:
        commands.watch(folder, options.watch_timeout)
    else:
        commands.evaluate(folder, options.explain)


def _simulate(options: argparse.Namespace) -> None:
    from recsim_tf.experiment import commands

    commands.simulate(_folder(options), options.episode_file)


def _fit(options: argparse.Namespace) -> None:
    from recsim_tf.experiment import fitting

    fitting.run_fit(_folder(options))


def _sweep(options: argparse.Namespace) -> int:
    from recsim_tf.experiment.sweeps import folder, run, trial

    result = run.run_sweep(
        options.root_dir,
        options.sweep_file,
        options.gin_bindings,
        engine=options.engine,
        ray_address=options.ray_address,
        shard=folder.Shard.parse(options.shard),
        dry_run=options.dry_run,
    )
    return int(result is not None and any(found.status == trial.FAILED for found in result.trials))


@contextlib.contextmanager
def _without_messages() -> Iterator[None]:
    """Without what TensorFlow and TF-Agents write to standard error when they are imported, which
    no log level silences.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    stderr = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)


def _import(command: str) -> None:
    """Imports the modules of a command.

    Raises:
      ModuleNotFoundError: if an extra of recsim-tf is not installed.
    """
    import tensorflow as tf

    # Looks for GPUs, with messages. To make a tensor would settle the devices, which a training may
    # still change.
    tf.config.list_physical_devices()
    if command == "fit":
        from recsim_tf.experiment import fitting  # noqa: F401
    else:
        from recsim_tf.experiment import commands  # noqa: F401
    from recsim_tf.experiment import config  # noqa: F401


def run(arguments: Sequence[str]) -> int:
    """Runs a command in this process.

    Args:
      arguments: without the name of the program.

    Returns:
      The exit status: 0; 1 for a sweep with failed trials; 2 after an error, which is one line on
      standard error; 128 plus the number of the signal that stopped the command.
    """
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as end:  # After --help, or an error.
        return int(end.code or 0)
    try:
        with _without_messages():
            _import(options.command)
    except ModuleNotFoundError as error:
        extra = "fitting]" if options.command == "fit" else "agents] (on Python 3.11)"
        missing = f"recsim-tf {options.command} needs {error.name}: install recsim-tf[{extra}"
        print(f"{ERROR_PREFIX}{missing}", file=sys.stderr)
        return 2
    return exit_status(options.command, lambda: options.run(options))


def main() -> None:
    """Entry point of the command."""
    quiet()
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
