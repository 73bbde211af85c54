"""The commands of `recsim-tf` and their options."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from recsim_tf._version import __version__
from recsim_tf.experiment.runs.command import ERROR_PREFIX
from recsim_tf.support.errors import instead


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


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of a command line, and its `command`.

    Args:
      arguments: without the name of the program.

    Raises:
      SystemExit: after --help and --version; after an error, which is told in one line; after the
        help that a line without a command gets.
    """
    main, commands = _parsers()
    if not arguments:
        main.print_help(sys.stderr)
        main.exit(2)
    first = arguments[0]
    if first not in (*commands, "-h", "--help", "--version"):
        known = [*commands, "--help", "--version"]
        main.error(f"argument COMMAND: {first!r} is not a command; {instead(first, known)}")
    options, unknown = main.parse_known_args(arguments)
    if unknown:
        name = unknown[0].partition("=")[0]
        known = ["--help", *(f"--{option}" for option in vars(options) if option != "command")]
        main.error(f"{options.command} has no option {name}; {instead(name, known)}")
    return options


def _parsers() -> tuple[_Parser, dict[str, _Parser]]:
    """The parser of the command line, and those of its commands by name."""
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
    trust = _Parser(add_help=False)
    trust.add_argument(
        "--trust",
        action="append",
        default=[],
        metavar="MODULE",
        help="a module of yours that the run's config.gin may import; may be repeated",
    )
    configured = [folder, files, bindings]
    main = _Parser(
        prog="recsim-tf",
        description="Train, evaluate, look at sessions, simulate, fit and sweep.",
        epilog="recsim-tf COMMAND --help lists the options of a command.",
    )
    main.add_argument("--version", action="version", version=f"recsim-tf {__version__}")
    commands = main.add_subparsers(dest="command", required=True, metavar="COMMAND")
    by_name: dict[str, _Parser] = {}

    def command(name: str, text: str, parents: Sequence[_Parser]) -> _Parser:
        # No abbreviations: an option that is added later must not change what one means.
        by_name[name] = commands.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            parents=parents,
            allow_abbrev=False,
            formatter_class=_Help,
        )
        return by_name[name]

    command("train", "train an agent, or go on with a run", configured)
    evaluate = command(
        "evaluate", "evaluate the agent of a run, and its baselines", [*configured, trust]
    )
    evaluate.add_argument(
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
    _add_sessions_options(
        command("sessions", "show sessions of a run turn by turn", [*configured, trust])
    )
    simulate = command("simulate", "simulate sessions under policies that do not learn", configured)
    simulate.add_argument(
        "--episode_file", metavar="FILE", help="also write sessions into this new TFRecord file"
    )
    command("fit", "fit user models to a log, or go on with a fit", configured)
    sweep = command("sweep", "train variants with seeds, or go on with that", [folder, bindings])
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
        help="run trials as processes of this machine, or by Ray Tune on a cluster",
    )
    sweep.add_argument(
        "--ray_address",
        metavar="HOST:PORT",
        help="the Ray cluster; by default RAY_ADDRESS, or that of this machine",
    )
    sweep.add_argument(
        "--shard", default="0/1", metavar="I/N", help="run every N-th trial from I on"
    )
    sweep.add_argument("--dry_run", action="store_true", help="list the trials, and do nothing")
    return main, by_name


def _add_sessions_options(sessions: _Parser) -> None:
    sessions.add_argument(
        "--policy", metavar="NAME", help="a baseline, such as random, instead of the agent"
    )
    who = sessions.add_mutually_exclusive_group()
    who.add_argument(
        "--num_users",
        type=int,
        metavar="N",
        help="show the first N users of the evaluation; 3 where nothing is said",
    )
    who.add_argument(
        "--user", type=int, metavar="I", help="show one user of the evaluation, counted from 0"
    )
    sessions.add_argument(
        "--seed", type=int, metavar="SEED", help="other users than those of the evaluation"
    )
    sessions.add_argument(
        "--max_turns", type=int, default=10, metavar="N", help="turns of a session to print"
    )
    sessions.add_argument(
        "--output", metavar="DIR", help="a new folder for the page and the table, not in the run's"
    )
