"""The workers of a run on several machines: their addresses, and the wait until all are there.

TensorFlow waits for the other workers without a message. So each worker first listens at its own
port, and connects to the port of every other worker once.
"""

import json
import re
import socket
import sys
import time
from collections.abc import Sequence

from recsim_tf.support.errors import UsageError, one_line

_FORM = (
    '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'
)
_SECONDS_TO_MESSAGE = 15.0
_SECONDS_TO_ANSWER = 3.0
_POLL_SECONDS = 0.2


def workers_of(tf_config: str | None) -> tuple[list[str], int]:
    """The addresses of all workers, and the number of this one.

    Args:
      tf_config: the environment variable TF_CONFIG, or None if it is not set.

    Raises:
      UsageError: if it is not like `_FORM`.
    """
    try:
        content = json.loads(tf_config or "")
        jobs, task = content["cluster"], content["task"]
        addresses, index = jobs["worker"], task["index"]
        is_valid = (
            list(jobs) == ["worker"]
            and task["type"] == "worker"
            and len(set(addresses)) == len(addresses)
            and all(re.fullmatch(r"[^\s:/]+:\d{1,5}", address) for address in addresses)
            and 0 <= int(index) < len(addresses)
        )
    except (ValueError, KeyError, TypeError):
        is_valid = False
    if not is_valid:
        raise UsageError(
            "TF_CONFIG must list a different address of each worker and the index of this one, as"
            f" {_FORM}, got {tf_config!r}"
        )
    return addresses, int(index)


def wait_for_workers(addresses: Sequence[str], index: int, timeout: float) -> None:
    """Waits until every other worker has answered once at its address.

    Args:
      addresses: of all workers.
      index: of this one.
      timeout: seconds.

    Raises:
      UsageError: if the port of this worker is taken, or another worker does not answer in time.
    """
    missing = [worker for worker in range(len(addresses)) if worker != index]
    started = last_message = time.monotonic()
    with _listening(addresses, index):
        while missing := [worker for worker in missing if not answers(addresses[worker])]:
            now = time.monotonic()
            if now - started > timeout:
                raise UsageError(
                    f"{named(addresses, missing)} did not answer within devices.start_timeout ="
                    f" {timeout:g} seconds"
                )
            if now - last_message > _SECONDS_TO_MESSAGE:
                last_message = now
                waiting = f"recsim-tf: waiting for {named(addresses, missing)}"
                print(waiting, file=sys.stderr, flush=True)
            time.sleep(_POLL_SECONDS)


def _listening(addresses: Sequence[str], index: int) -> socket.socket:
    """A socket at the port of this worker, so that the others find it. TensorFlow's server listens
    there afterwards.
    """
    dual = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual else socket.AF_INET
    try:
        return socket.create_server(
            ("", _parts(addresses[index])[1]), family=family, dualstack_ipv6=dual
        )
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"TF_CONFIG: worker {index} must have a free port, got {addresses[index]}:"
            f" {one_line(error)}"
        ) from error


def answers(address: str) -> bool:
    """Whether a process listens at an address."""
    try:
        with socket.create_connection(_parts(address), timeout=_SECONDS_TO_ANSWER):
            return True
    except (OSError, OverflowError):
        return False


def named(addresses: Sequence[str], workers: Sequence[int]) -> str:
    """Workers with their addresses, for messages."""
    return ", ".join(f"worker {worker} ({addresses[worker]})" for worker in workers)


def _parts(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)
