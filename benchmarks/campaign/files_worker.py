"""A process that reads bad inputs, one after the other, and prints a line of JSON before and after
each.

    python benchmarks/campaign/files_worker.py GROUPS

GROUPS is JSON: for each group the name of its module in `badfiles`, the number that each so many-th
of its cases is read, and how many of these are left out at the start.
"""

import contextlib
import gc
import importlib
import itertools
import json
import os
import resource
import sys
import tempfile
import threading
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parent.parent))

# TensorFlow alone reserves some of it.
_ADDRESS_SPACE = 16 * 2**30
_COLLECT = 10
# Then another process goes on: not all of TensorFlow's memory comes back.
_MOST = 200


def _end_with_the_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


def main(groups: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    # What the inputs print is none of the lines.
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    from campaign.badfiles.cases import judged

    from recsim_tf.experiment.runs.command import quiet

    quiet()
    read = 0
    for group, stride, skip in json.loads(groups):
        module = importlib.import_module(f"campaign.badfiles.{group}")
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
            cases = module.cases(Path(folder))
            for number, (case, reference) in enumerate(
                itertools.islice(cases, skip * stride, None, stride)
            ):
                if number % _COLLECT == 0:  # Graphs of TensorFlow are in cycles.
                    gc.collect()
                running = {"group": group, "kind": case.kind, "name": case.name}
                print(json.dumps(running), file=lines)
                verdict, message = judged(case, reference)
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                done = {"verdict": verdict, "message": message, "peak_memory_mib": peak}
                print(json.dumps(done), file=lines)
                read += 1
                if read == _MOST:
                    print(json.dumps({"more": True}), file=lines)
                    return


if __name__ == "__main__":
    main(*sys.argv[1:])
