"""A process that reads bad inputs, one after the other, and prints a line of JSON before and after
each.

    python benchmarks/campaign/files_worker.py GROUPS

GROUPS is JSON: for each group the name of its module in `badfiles`, the number that each so many-th
of its cases is read, and how many of these are left out at the start.
"""

import contextlib
import importlib
import itertools
import json
import os
import resource
import sys
import tempfile
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parent.parent))

# TensorFlow alone reserves some of it.
_ADDRESS_SPACE = 16 * 2**30


def main(groups: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    # What the inputs print is none of the lines.
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    from campaign.badfiles.cases import judged

    from recsim_tf.experiment.runs.command import quiet

    quiet()
    for group, stride, skip in json.loads(groups):
        module = importlib.import_module(f"campaign.badfiles.{group}")
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
            cases = module.cases(Path(folder))
            for case, reference in itertools.islice(cases, skip * stride, None, stride):
                running = {"group": group, "kind": case.kind, "name": case.name}
                print(json.dumps(running), file=lines)
                verdict, message = judged(case, reference)
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                done = {"verdict": verdict, "message": message, "peak_memory_mib": peak}
                print(json.dumps(done), file=lines)


if __name__ == "__main__":
    main(*sys.argv[1:])
