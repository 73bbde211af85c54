# SPDX-License-Identifier: Apache-2.0
"""A process that has imported recsim_tf, and runs its commands in forks of itself.

    python -m campaign.fork_server

It reads a line of JSON for each command from standard input, the fields of `Command`, and answers
with two lines on standard output: the id of the fork's process, and when that ended its exit status
as `subprocess` gives it. The forks have a TensorFlow that has not computed yet, as a process that
has just started. A fork ends as any interpreter does.
"""

import ctypes
import gc
import json
import os
import signal
import sys
from typing import NamedTuple


class Command(NamedTuple):
    """A command of recsim-tf as a process."""

    arguments: list[str]
    environment: dict[str, str]  # variables beside those of the server
    output: str  # file that takes standard output and error


def serve() -> Command:
    """Forks for each command; returns it in the fork."""
    for line in sys.stdin:
        command = Command(**json.loads(line))
        child = os.fork()
        if child == 0:
            return command
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    os._exit(0)


def become(command: Command) -> None:
    """Makes this process that of a command."""
    os.environ.update(command.environment)
    output = os.open(command.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(output)
    os.close(nothing)
    # A program in the background may have been started without it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["recsim-tf", *command.arguments]
    ctypes.CDLL(None).faults_arm()


def main() -> None:
    import matplotlib.pyplot  # noqa: F401

    import recsim_tf.experiment.building
    import recsim_tf.experiment.commands.evaluate
    import recsim_tf.experiment.commands.sessions
    import recsim_tf.experiment.commands.train
    import recsim_tf.experiment.sweeps.run  # noqa: F401
    from recsim_tf.command_line import cli

    # The forks need not look through what is imported for garbage, again and again.
    gc.freeze()
    become(serve())
    cli.main()


if __name__ == "__main__":
    main()
