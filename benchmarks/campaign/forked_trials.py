"""Trials of a sweep as forks of its process, which spares them the imports.

They stand in for `subprocess` in `recsim_tf.experiment.sweeps.process`.
"""

import atexit
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

PIPE, STDOUT = subprocess.PIPE, subprocess.STDOUT
_MODULE = "recsim_tf.experiment.sweeps.worker"


def arm() -> None:
    """Begins with the faults that the environment asks for, where the shim is loaded."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).faults_arm()


class Popen:
    """As far as `subprocess.Popen` is used for trials: standard input is a pipe, and standard error
    goes where the output goes.
    """

    def __init__(
        self,
        args: Sequence[str],
        stdin: int,
        stdout: IO[bytes],
        stderr: int,
        env: Mapping[str, str],
        cwd: str | None,
        start_new_session: bool,
    ):
        *_, module, run, config = args
        assert (module, stdin, stderr) == (_MODULE, PIPE, STDOUT)
        assert start_new_session
        read, write = os.pipe()
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            os.close(write)
            _become(_worker(run, config), read, stdout.fileno(), env, cwd)
        os.close(read)
        self.stdin = os.fdopen(write, "wb")

    def poll(self) -> int | None:
        """Its exit status, or None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self) -> int:
        """Waits for its end."""
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Sends it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Sends it SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Sends it SIGKILL."""
        self.send_signal(signal.SIGKILL)


def _worker(run: str, config: str) -> Callable[[], None]:
    def main():
        from recsim_tf.experiment.sweeps import worker

        sys.argv = [_MODULE, run, config]
        worker.main()

    return main


def _become(
    main: Callable[[], None], stdin: int, output: int, env: Mapping[str, str], cwd: str | None
) -> None:
    """Ends this fork as a process of `main` would, whatever is above it on the stack."""
    code: Any = 1
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        for source, target in ((stdin, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        # As `subprocess` does: the sweep's lock is the sweep's.
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        os.environ.clear()
        os.environ.update(env)
        if cwd is not None:
            os.chdir(cwd)
        arm()
        main()
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)
