# SPDX-License-Identifier: Apache-2.0
"""Runs commands of recsim-tf in forks of servers, with faults at their file operations."""

import json
import os
import queue
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import processes
from campaign.fork_server import Command

_SHIM = Path(__file__).with_name("shim.c")
# `State` of shim.c, in a file of a page.
_STATE, _STATE_BYTES = "<260q", 4096
# Far longer than any of the commands takes.
_PATIENCE_SECONDS = 300.0
# Threads that libraries start when they are imported do not live on in a fork. Each command has one
# core. Bars would fill the logs of trials.
_VARIABLES = {
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TQDM_DISABLE": "1",
}


class Fault(NamedTuple):
    """A fault, and the file operation at which it happens; see `shim.c`."""

    action: str = "record"
    place: int = 0
    number: int = 0  # of the error or signal


NO_FAULT = Fault()


class Ending(NamedTuple):
    """The end of a command."""

    code: int  # as of `subprocess`
    output: str  # standard output and error
    operations: list[str]  # "KIND PATH" of each, the path below the folder
    bytes: int  # written
    hits: int  # operations at which something happened

    def last_line(self) -> str:
        """The last line of the output."""
        return "".join(self.output.strip().splitlines()[-1:])[-600:]


def unavailable() -> str | None:
    """Why no faults can be injected here, in a line, or None."""
    if sys.platform != "linux":
        return "faults are injected on Linux only"
    return None if shutil.which("cc") else "faults are injected by a C library: needs cc"


class Runner:
    """Runs commands, at most `jobs` at a time.

    Args:
      scratch: an empty folder for the library and the states.
      jobs: servers.
    """

    def __init__(self, scratch: Path, jobs: int):
        self._scratch = scratch
        library = scratch / "shim.so"
        subprocess.run(
            ["cc", "-O1", "-shared", "-fPIC", "-o", library, _SHIM, "-ldl", "-pthread"],
            check=True,
        )
        # The packages are those of this process.
        path = os.pathsep.join(filter(None, sys.path))
        self._variables = {**_VARIABLES, "LD_PRELOAD": str(library), "PYTHONPATH": path}
        self._servers: queue.Queue[subprocess.Popen] = queue.Queue()
        for _ in range(jobs):
            self._servers.put(self._start())

    def _start(self) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "campaign.fork_server"],
            env=processes.environment(self._variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def close(self) -> None:
        """Ends the servers."""
        while not self._servers.empty():
            self._servers.get().communicate()

    def run(self, arguments: list[str], folder: Path, fault: Fault = NO_FAULT) -> Ending:
        """Runs a command, and waits until all its processes have ended.

        Args:
          arguments: of recsim-tf.
          folder: below which file operations are counted.
          fault: at one of them.

        Raises:
          TimeoutError: if another process of it does not end.
        """
        with tempfile.TemporaryDirectory(dir=self._scratch) as name:
            scratch = Path(name)
            state, record, output = (scratch / name for name in ("state", "record", "output"))
            state.write_bytes(bytes(_STATE_BYTES))
            variables = {
                "FAULTS_ROOT": str(folder.resolve()),
                "FAULTS_STATE": str(state),
                "FAULTS_RECORD": str(record),
                "FAULTS_ACTION": fault.action,
                "FAULTS_PLACE": str(fault.place),
                "FAULTS_ERRNO": str(fault.number),
            }
            code = self._serve(Command(arguments, variables, str(output)))
            operations, written, hits, number, *pids = struct.unpack_from(
                _STATE, state.read_bytes()
            )
            _wait_for_the_end_of(pids[:number])
            return Ending(
                code,
                output.read_text(errors="replace"),
                record.read_text().splitlines() if operations else [],
                written,
                hits,
            )

    def _serve(self, command: Command) -> int:
        """The exit status of a command, which is killed when it hangs."""
        server = self._servers.get()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(command._asdict()) + "\n")
        server.stdin.flush()
        pid = int(server.stdout.readline())
        timer = threading.Timer(_PATIENCE_SECONDS, os.kill, [pid, signal.SIGKILL])
        timer.start()
        try:
            return int(server.stdout.readline())
        finally:
            timer.cancel()
            self._servers.put(server)


def _wait_for_the_end_of(pids: Sequence[int]) -> None:
    """Waits for processes that outlive the command that started them."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while any(_is_running(pid) for pid in pids):
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {pids} of a command do not end")
        time.sleep(0.05)


def _is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
        threads = len(os.listdir(f"/proc/{pid}/task"))
    except (FileNotFoundError, ProcessLookupError):
        return False
    # Others may still run, and hold locks, when the first thread has ended.
    return threads > 1 or status.rpartition(")")[2].split()[0] not in ("Z", "X")
