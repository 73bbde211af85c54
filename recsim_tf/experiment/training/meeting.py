"""How the workers of a run meet before TensorFlow connects them.

TensorFlow waits without a message, for whatever answers at the addresses of the other workers, and
is deaf to signals meanwhile. Here the workers first find each other, and make sure of each other:
each answers a challenge with a digest that only a worker of the same run can make. TensorFlow's own
servers start after that, at the same addresses; a process of its own watches over their start.
"""

import contextlib
import ctypes
import hmac
import json
import os
import secrets
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from recsim_tf.errors import one_line
from recsim_tf.experiment.runs.errors import UsageError

# A text that all workers of a run share, and nobody else has.
SECRET = "RECSIM_TF_CLUSTER_SECRET"
# Seconds after which a worker says for whom it waits.
_SECONDS_TO_MESSAGE = 15.0
_SECONDS_TO_ANSWER = 3.0
_POLL_SECONDS = 0.2
# TensorFlow needs some time to connect workers that are all there.
_LEAST_SECONDS_TO_CONNECT = 30.0
_NONCE = 32
_GUARD = Path(__file__).with_name("guard.py")

# What a worker finds at an address.
_NOBODY, _STRANGER, _WORKER, _HAS_MET_ALL = range(4)


def run_key(addresses: Sequence[str], configuration: str) -> bytes:
    """What the workers of a run share: a digest of the addresses of all and of the configuration,
    by the secret of the environment where it has one.

    Without a secret, who knows these can answer as a worker. Nobody answers so by mistake.
    """
    content = json.dumps([list(addresses), configuration]).encode()
    return hmac.digest(os.environ.get(SECRET, "").encode(), content, "sha256")


def meet(addresses: Sequence[str], index: int, key: bytes, timeout: float) -> None:
    """Waits until all workers have met.

    A worker answers at its address until all others have met all; so nobody waits for one that has
    gone on.

    Args:
      addresses: of all workers.
      index: of this one.
      key: of `run_key`.
      timeout: seconds until it gives up.

    Raises:
      UsageError: if the address of this worker is not of this machine, or is taken; if a worker did
        not start in time, or something else answers in its place.
    """
    found = {worker: _NOBODY for worker in range(len(addresses)) if worker != index}
    with _answering(addresses, index, key) as server:
        started = last_message = time.monotonic()
        while True:
            for worker, before in found.items():
                if before != _HAS_MET_ALL:
                    found[worker] = _next(before, _ask(addresses[worker], worker, key))
            server.has_met_all = all(each >= _WORKER for each in found.values())
            missing = {worker: each for worker, each in found.items() if each != _HAS_MET_ALL}
            if not missing:
                return
            if time.monotonic() - started > timeout:
                raise UsageError(
                    f"{_told(addresses, missing)} within devices.start_timeout = {timeout:g}"
                    " seconds"
                )
            if time.monotonic() - last_message > _SECONDS_TO_MESSAGE:
                last_message = time.monotonic()
                names = ", ".join(f"worker {worker} ({addresses[worker]})" for worker in missing)
                print(f"recsim-tf: waiting for {names}", file=sys.stderr, flush=True)
            time.sleep(_POLL_SECONDS)


def _next(before: int, found: int | None) -> int:
    """A worker that has answered once, and answers no more, has met all and gone on; one that is
    slow, for which `found` is None, has not. A stranger that has gone has still been there.
    """
    if found is None:
        found = _STRANGER
    elif before == _WORKER and found < _WORKER:
        return _HAS_MET_ALL
    return max(before, found)


def _told(addresses: Sequence[str], missing: dict[int, int]) -> str:
    words = {
        _NOBODY: "did not start",
        _STRANGER: (
            "is something else, or a worker with another configuration, TF_CONFIG or"
            f" {SECRET}; no worker of this run answered"
        ),
        _WORKER: "did not meet all others",
    }
    return ", ".join(
        f"worker {worker} ({addresses[worker]}) {words[found]}" for worker, found in missing.items()
    )


class _Server(socketserver.ThreadingTCPServer):
    """Answers challenges. It is of the family of its address."""

    allow_reuse_address = True
    daemon_threads = True
    has_met_all = False

    def __init__(self, family: int, address, key: bytes, index: int):
        self.address_family = family
        self.key = key
        self.index = index
        super().__init__(address, _Answer)

    def handle_error(self, request, client_address):
        """A stranger's connection that breaks off is nobody's business."""


class _Answer(socketserver.StreamRequestHandler):
    timeout = _SECONDS_TO_ANSWER
    server: _Server

    def handle(self):
        nonce = self.rfile.read(_NONCE)
        if len(nonce) == _NONCE:
            state = bytes([self.server.has_met_all])
            self.wfile.write(state + _digest(self.server.key, self.server.index, state, nonce))


def _digest(key: bytes, worker: int, state: bytes, nonce: bytes) -> bytes:
    return hmac.digest(key, b"worker %d " % worker + state + nonce, "sha256")


@contextlib.contextmanager
def _answering(addresses: Sequence[str], index: int, key: bytes) -> Iterator[_Server]:
    host, port = _parts(addresses[index])
    at = f"TF_CONFIG: the address of worker {index}, {addresses[index]},"
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        server = _Server(family, address, key, index)
    except OSError as error:
        reason = error.strerror or one_line(error)
        raise UsageError(f"{at} must be one of this machine, with a free port: {reason}") from error
    with server:
        thread = threading.Thread(target=server.serve_forever, args=[_POLL_SECONDS], daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def _ask(address: str, worker: int, key: bytes) -> int | None:
    """What answers at an address; None for what takes too long."""
    nonce = secrets.token_bytes(_NONCE)
    try:
        with socket.create_connection(_parts(address), timeout=_SECONDS_TO_ANSWER) as connection:
            try:
                connection.sendall(nonce)
                answer = connection.makefile("rb").read(1 + _NONCE)
            except TimeoutError:
                return None
            except OSError:
                return _STRANGER
    except OSError:
        return _NOBODY
    state, digest = answer[:1], answer[1:]
    if not hmac.compare_digest(digest, _digest(key, worker, state, nonce)):
        return _STRANGER
    return _HAS_MET_ALL if state == b"\1" else _WORKER


def _parts(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


@contextlib.contextmanager
def guarded(timeout: float) -> Iterator[None]:
    """Watches over the start of TensorFlow's servers, which may wait for ever inside.

    TensorFlow keeps the interpreter for itself while it waits, so that neither a thread nor a
    handler of Python runs. `guard.py`, a process, says in a line that `timeout` is over or that
    SIGTERM came, and ends this process with status 2.
    """
    guard = subprocess.Popen(
        [
            sys.executable,
            "-IS",
            str(_GUARD),
            str(os.getpid()),
            str(max(timeout, _LEAST_SECONDS_TO_CONNECT)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert guard.stdin is not None
    on_interrupt = signal.getsignal(signal.SIGINT)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    _exit_by_interrupt()
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, on_interrupt)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        with contextlib.suppress(BrokenPipeError):
            guard.stdin.write(b"1")
            guard.stdin.close()
        guard.wait()


def _exit_by_interrupt() -> None:
    """Makes SIGINT end the process without Python: C's `_exit` gets the number of the signal, 2,
    which is also the exit status of an error.
    """
    libc = ctypes.CDLL(None)
    libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
    libc.signal(signal.SIGINT, ctypes.cast(libc._exit, ctypes.c_void_p))
