"""Ray on this machine: out of reach of everybody else, and gone with the sweep."""

import contextlib
import importlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_REAPER = Path(__file__).with_name("ray_reaper.py")
# Ray binds its ports to the address of its node. It takes the loopback address for that where it
# cannot make clusters, as by default on macOS and Windows; this says so on any system. Read when
# Ray is imported.
_ONE_MACHINE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


@contextlib.contextmanager
def private_ray() -> Iterator[None]:
    """The environment of a Ray that starts inside: its ports listen on the loopback address alone,
    and answer processes that have the random token of this sweep.
    """
    from ray._private import ray_constants

    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    makes_clusters = ray_constants.ENABLE_RAY_CLUSTER
    try:
        with _environment({**_ONE_MACHINE, **token}):
            # This process has imported Ray.
            ray_constants.ENABLE_RAY_CLUSTER = False
            _read_tokens_again()
            yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = makes_clusters
        _read_tokens_again()


def _read_tokens_again() -> None:
    """Makes Ray read the environment that it has read when it was imported."""
    raylet: Any = importlib.import_module("ray._raylet")
    if hasattr(raylet, "AuthenticationTokenLoader"):  # Ray knows tokens since 2.52.
        raylet.AuthenticationTokenLoader.instance().reset_cache()
        raylet.Config.initialize("")


@contextlib.contextmanager
def _environment(given: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def ended_with_this_process() -> Iterator[None]:
    """Ends the processes that Ray has started for this one when this one is killed: some of them
    would stay for a minute.
    """
    reaper = subprocess.Popen(
        [sys.executable, "-IS", str(_REAPER), *map(str, _descendants())],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert reaper.stdin is not None
    try:
        yield
    finally:
        with contextlib.suppress(BrokenPipeError):
            reaper.stdin.write(b"1")
            reaper.stdin.close()
        reaper.wait()


def _descendants() -> list[int]:
    import psutil  # Ray, which is imported, brings it.

    return [process.pid for process in psutil.Process().children(recursive=True)]
