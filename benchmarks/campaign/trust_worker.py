"""Meets hostile folders, a line of JSON for each.

    python trust_worker.py models|runs FOLDER [NAME ...]

Each line has the case's name, what was told, whether its code ran, and by how many bytes the
largest memory of the process grew. A process that ends before has met code that ended it.
"""

import json
import os
import resource
import sys
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"
sys.path.insert(0, str(Path(__file__).parents[1]))

import contextlib
import io

import gin
from campaign import hostile

from recsim_tf import cli
from recsim_tf.fitting import load_model

_MODULES = ("payload", "hostile", "antigravity", "unittest.__main__", "recsim_tf.__main__")


@gin.configurable
def of_the_caller():
    Path(hostile.MARKER).touch()


gin.constant("of_the.CALLER", of_the_caller)


def _load() -> str:
    try:
        load_model("hostile")
    except (ValueError, OSError) as error:  # Anything else is not told.
        return str(error)
    return ""


def _evaluate() -> str:
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        status = cli.run(["evaluate", "--root_dir=hostile"])
    return errors.getvalue().removesuffix("\n") if status == 2 else ""


def _largest() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    kind, root, *names = sys.argv[1:]
    cases = getattr(hostile, kind)()
    meet = {"models": _load, "runs": _evaluate}[kind]
    sys.path.insert(0, "")
    for number, name in enumerate(names or cases):
        folder = Path(root, f"{kind}-{number}", "here")
        folder.mkdir(parents=True)
        os.chdir(folder)
        cases[name]()
        before = _largest()
        try:
            told = meet()
        except BaseException as error:
            told = f"\n{type(error).__name__}: {error}"
        found = {
            "name": name,
            "told": told[:1000],
            "ran": Path(hostile.MARKER).exists() or any(each in sys.modules for each in _MODULES),
            "grown": _largest() - before,
        }
        print(json.dumps(found), flush=True)
        for module in _MODULES:
            sys.modules.pop(module, None)


if __name__ == "__main__":
    main()
