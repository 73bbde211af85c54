# SPDX-License-Identifier: Apache-2.0
"""Everything can be imported without the modules that only POSIX systems have."""

import pytest

from tests.processes import run_python

_PROGRAM = """
import builtins, importlib, pkgutil, os

POSIX = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
imported = builtins.__import__


def without_posix(name, globals=None, locals=None, fromlist=(), level=0):
    importer = (globals or {}).get("__name__", "")
    if name in POSIX and importer.startswith("recsim_tf"):
        raise ImportError(f"{importer} imports {name}")
    return imported(name, globals, locals, fromlist, level)


builtins.__import__ = without_posix
for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_DIRECTORY", "fork", "sched_getaffinity", "getuid"):
    vars(os).pop(name, None)
import recsim_tf

lacking = {"tf_agents", "ray", "minari", "beartype", "jaxtyping", "stable_baselines3"}
for module in pkgutil.walk_packages(recsim_tf.__path__, "recsim_tf."):
    if module.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(module.name)
    except ImportError as error:
        missing = error.__cause__ if isinstance(error.__cause__, ImportError) else error
        if (missing.name or "").split(".")[0] not in lacking:
            raise
    print(module.name)
"""


@pytest.mark.slow
def test_all_modules_are_imported_with_posix_modules_hidden():
    process = run_python("-W", "ignore", "-c", _PROGRAM)
    assert process.returncode == 0, process.stderr
    assert len(process.stdout.split()) > 300
