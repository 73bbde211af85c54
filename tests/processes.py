# SPDX-License-Identifier: Apache-2.0
"""Python code in fresh processes, from the root of the repository, and addresses for them."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
from collections.abc import Sequence

_ROOT = pathlib.Path(__file__).parent.parent


def run_python(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Runs `python *arguments` without the Keras flag of the test session."""
    inherited = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=_ROOT,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def free_addresses(number: int) -> list[str]:
    """Addresses of this machine that nobody listens at."""
    with contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(socket.create_server(("localhost", 0))) for _ in range(number)
        ]
        return [f"localhost:{server.getsockname()[1]}" for server in servers]


def tf_config(addresses: Sequence[str], index: int) -> dict[str, str]:
    """The environment of worker `index` of `tf.distribute`."""
    return {
        "TF_CONFIG": json.dumps(
            {"cluster": {"worker": list(addresses)}, "task": {"type": "worker", "index": index}}
        )
    }
