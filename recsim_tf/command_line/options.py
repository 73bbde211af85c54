# SPDX-License-Identifier: Apache-2.0
"""The commands of `recsim-tf` and their options."""

import argparse
import functools
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from recsim_tf._version import __version__
from recsim_tf.experiment.runs.process import ERROR_PREFIX
from recsim_tf.support.errors import instead

COMMANDS = {
    "train": "train an agent, or go on with a run",
    "evaluate": "evaluate the agent of a run, and its baselines",
    "sessions": "show sessions of a run turn by turn",
    "simulate": "simulate sessions under policies that do not learn",
    "compare": "compare the policies of finished runs",
    "fit": "fit user models to a log, or go on with a fit",
    "validate": "say how far to trust the fit of a run",
    "doctor": "say what a log can tell, and what is wrong with it",
    "ope": "judge the rewards of policies from a log of another policy",
    "sweep": "train variants with seeds, or go on with that",
    "suite": "score agents and rules in every environment, or go on with that",
}
# Commands that take an existing run with its configuration.
OF_RUNS = ("evaluate", "sessions", "validate")
# Commands that run the trials of a sweep file.
SWEEPS = ("sweep", "suite")


class _Parser(argparse.ArgumentParser):
    """A parser that prints an error as one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{ERROR_PREFIX}{message}\n")


# Each option has one line.
_HELP = functools.partial(argparse.HelpFormatter, max_help_position=30, width=110)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of a command line without the name of the program, and its `command`.

    Raises:
      SystemExit: after --help and --version; after an error, which is printed as one line; after
        the help, which a command line without a command prints.
    """
    main = _parser()
    if not arguments:
        main.print_help(sys.stderr)
        main.exit(2)
    first = arguments[0]
    names = [*COMMANDS, "--help", "--version"]
    if first not in ("-h", *names):
        main.error(f"argument COMMAND: {first!r} is not a command; {instead(first, names)}")
    options, unknown = main.parse_known_args(arguments)
    if unknown:
        name = unknown[0].partition("=")[0]
        if options.command == "compare" and not name.startswith("-"):
            main.error(f"argument RUN: {name} must stand beside the other runs")
        places = ("command", "runs", "log")
        names = ["--help", *(f"--{each}" for each in vars(options) if each not in places)]
        main.error(f"{options.command} has no option {name}; {instead(name, names)}")
    return options


def _parser() -> _Parser:
    main = _Parser(
        prog="recsim-tf",
        description="Train, evaluate, simulate, compare, fit, validate, judge policies, sweep.",
        epilog="recsim-tf COMMAND --help lists the options of a command.",
    )
    main.add_argument("--version", action="version", version=f"recsim-tf {__version__}")
    commands = main.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in COMMANDS.items():
        # Abbreviations are not allowed, since a later option could change their meaning.
        command = commands.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            allow_abbrev=False,
            formatter_class=_HELP,
        )
        if name not in ("compare", "doctor"):
            _add_configuration(command, name)
        if name in (*OF_RUNS, "ope"):
            where = "a fitted model" if name == "ope" else "the run's config.gin"
            what = "" if name == "ope" else ", or SavedPolicy if it may load a SavedModel"
            text = f"a module of yours that {where} may import{what}; may be repeated"
            _add(command, "--trust", "MODULE", text, action="append", default=[])
        _add_special(command, name)
    return main


def _add(parser: Any, option: str, metavar: str, text: str, **more: Any) -> None:
    parser.add_argument(option, metavar=metavar, help=text, **more)


def _add_configuration(command: _Parser, name: str) -> None:
    """Adds the options for the folder and the gin files of a run."""
    _add(command, "--root_dir", "DIR", "folder of the run", required=True)
    if name not in SWEEPS:
        text = "a path or the name of a packaged config; may be repeated"
        _add(command, "--gin_file", "FILE", text, action="append", default=[])
    text = "such as 'train.num_iterations=100'; may be repeated"
    _add(command, "--gin_bindings", "BINDING", text, action="append", default=[])


def _add_special(command: _Parser, name: str) -> None:
    """Adds the options that only this command has."""
    if name == "evaluate":
        text = "evaluate at every new checkpoint, while another process trains"
        command.add_argument("--watch", action="store_true", help=text)
        text = "end --watch after so long without a new checkpoint (default: %(default)g)"
        _add(command, "--watch_timeout", "SECONDS", text, type=float, default=3600.0)
    elif name == "sessions":
        _add(command, "--policy", "NAME", "a baseline, such as random, instead of the agent")
        users = command.add_mutually_exclusive_group()
        _add(users, "--num_users", "N", "show the first N users of the evaluation, or 3", type=int)
        _add(users, "--user", "I", "show one user of the evaluation, counted from 0", type=int)
        _add(command, "--seed", "SEED", "simulate other users than the evaluation", type=int)
        text = "turns of a session to print (default: %(default)s)"
        _add(command, "--max_turns", "N", text, type=int, default=10)
        text = "a new folder for the page and the table, not in the run's"
        _add(command, "--output", "DIR", text)
    elif name == "simulate":
        _add(command, "--episode_file", "FILE", "also write sessions into this new TFRecord file")
    elif name == "compare":
        text = "folder of a finished run of train, evaluate or simulate"
        _add(command, "runs", "RUN", text, nargs="+")
        text = "the policy over which others gain, by its name in the table"
        _add(command, "--baseline", "NAME", text)
        _add(command, "--output", "DIR", "a new folder for the page, the plot and the figures")
    elif name == "ope":
        text = "believable or gain, of each policy or of one; else status 3 or 4; may be repeated"
        _add(command, "--require", "WORD[:POLICY]", text, action="append", default=[])
    elif name == "doctor":
        _add(
            command,
            "log",
            "LOG",
            "a table .csv or .parquet of logged sessions, or a gin file of ope",
        )
        text = "the name of the column of a role, such as session=visit_id; may be repeated"
        _add(command, "--column", "ROLE=NAME", text, action="append", default=[])
        text = "several documents of a slate may be clicked"
        command.add_argument("--multiple_clicks", action="store_true", help=text)
        _add(command, "--output", "DIR", "a new folder for the page and the findings")
    elif name in SWEEPS:
        text = "gin file: a path or the name of a packaged sweep"
        default = "sweeps/suite.gin" if name == "suite" else None
        _add(command, "--sweep_file", "FILE", text, required=default is None, default=default)
        text = "run every N-th trial from I on (default: %(default)s, all)"
        _add(command, "--shard", "I/N", text, default="0/1")
        text = "list the trials, and do nothing"
        command.add_argument("--dry_run", action="store_true", help=text)
    if name == "sweep":
        text = "run trials as processes of this machine (the default), or by Ray Tune on a cluster"
        engines = ("local", "ray")
        command.add_argument("--engine", choices=engines, default="local", help=text)
        text = "the Ray cluster; by default RAY_ADDRESS, or a cluster of this machine"
        _add(command, "--ray_address", "HOST:PORT", text)
