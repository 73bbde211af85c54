"""Ends processes when the one that started this is gone; see `ray_local.ended_with_this_process`.

    python ray_reaper.py PID ...

Standard input is a pipe from that process: a byte says that all is well. Imports nothing of
recsim_tf, so that it starts at once. Where the system cannot hold on to processes, it does nothing:
there Ray has a process for this.
"""

import contextlib
import os
import select
import signal
import sys

_SECONDS_TO_END = 2.0


def main() -> None:
    if not hasattr(os, "pidfd_open"):
        return
    held = []
    for pid in map(int, sys.argv[1:]):
        with contextlib.suppress(OSError):
            # A number may become that of another process; what is held stays this one.
            held.append(os.pidfd_open(pid))
    if os.read(0, 1):
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in held:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, number)
        held = _alive(held)


def _alive(held: list[int]) -> list[int]:
    """Those that have not ended after some seconds."""
    ended = 1
    while held and ended:
        readable, _, _ = select.select(held, [], [], _SECONDS_TO_END)
        ended = len(readable)
        held = [process for process in held if process not in readable]
    return held


if __name__ == "__main__":
    main()
