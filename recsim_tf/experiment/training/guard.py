"""Ends a process whose Python cannot run, after a time or for SIGTERM; see `meeting.guarded`.

    python guard.py PID SECONDS

Standard input is a pipe from that process: a byte says that all is well. Imports nothing of
recsim_tf, so that it starts at once.
"""

import contextlib
import os
import select
import signal
import sys
import time

_POLL_SECONDS = 0.2
_SECONDS_TO_END = 5.0


def main() -> None:
    pid, seconds = int(sys.argv[1]), float(sys.argv[2])
    deadline = time.monotonic() + seconds
    while not select.select([0], [], [], _POLL_SECONDS)[0]:
        if _waits_for(pid, signal.SIGTERM):
            _tell("stopped while TensorFlow connected the workers; run the same command on all")
            return _end(pid)
        if time.monotonic() > deadline:
            _tell(
                "error: TensorFlow did not connect the workers within devices.start_timeout: one"
                " of them stopped, or cannot be reached by the others"
            )
            return _end(pid)
    if not os.read(0, 1):
        _tell("ended while TensorFlow connected the workers; run the same command on all")


def _waits_for(pid: int, number: int) -> bool:
    """Whether a signal came that the process has blocked; False where the system does not tell."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("ShdPnd:"):
                return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)
        if not select.select([0], [], [], _SECONDS_TO_END)[0]:
            os.kill(pid, signal.SIGKILL)


def _tell(message: str) -> None:
    print(f"recsim-tf: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
