"""The machine of a run, on which its last bits depend."""

import importlib.metadata
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import tensorflow as tf

from recsim_tf._version import __version__
from recsim_tf.support.files import write_json


def record_machine(file: Path) -> None:
    """Records the machine of a new run; where another one is recorded, says what differs on
    standard error.
    """
    now = _machine()
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        write_json(file, now)
        return
    except ValueError:
        before = {}
    changed = [
        f"{name} {before[name]} before, {now[name]} now"
        for name in now
        if name in before and before[name] != now[name]
    ]
    if changed:
        print(
            f"recsim-tf: {file.parent} was made elsewhere ({'; '.join(changed)}): its results can"
            " differ in the last bits from those of one machine",
            file=sys.stderr,
            flush=True,
        )


def _machine() -> dict[str, Any]:
    # TensorFlow splits sums among its threads, and rounds each part.
    threads = (
        tf.config.threading.get_intra_op_parallelism_threads()
        or int(os.environ.get("TF_NUM_INTRAOP_THREADS") or 0)
        or num_cores()
    )
    return {
        "threads": threads,
        "processor": platform.machine(),
        "python": platform.python_version(),
        "tensorflow": importlib.metadata.version("tensorflow"),
        "recsim_tf": __version__,
    }


def num_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
