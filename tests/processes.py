"""Runs Python code in a fresh process from the root of the repository."""

import os
import pathlib
import subprocess
import sys

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
