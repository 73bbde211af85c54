"""Damaged and impossible files and bindings: each must get one clear line.

An input is told clearly if recsim_tf itself raises an error of one line, which names the file or
the argument. An input that gives the same content as the whole one is none, and does not count. The
inputs are read in processes with a limit of address space. An input that ends its process, or keeps
it for more than a minute, counts as a crash or a hang, and the next process goes on after it.

inputs: the bad inputs.
tracebacks: errors from below, and messages that do not name the input or have several lines.
silent: inputs that were taken without a word.
hangs: inputs that ended their process or did not end.
peak_memory_mib: the most memory of a process.
"""

import collections
import json
import select
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from campaign.common import Settings
from processes import environment
from sections import Section

_WORKER = Path(__file__).parent / "files_worker.py"
# Modules of `badfiles` that one process reads, and each how many-th case is read in a quick run.
_GROUPS = (
    {"episode_logs": 40, "models": 12, "checkpoints": 12},
    {"tables": 12, "data_sets": 12, "bindings": 60, "run_files": 12},
)
_SECONDS = 60.0
_START_SECONDS = 300.0
_VERDICTS = ("clear", "same content", "unclear", "from below", "silent", "crash", "hang")
_GOOD = ("clear", "same content")


def measure(settings: Settings) -> Section:
    """Reads all bad inputs."""
    with ThreadPoolExecutor(settings.jobs) as pool:
        groups = pool.map(lambda group: _read(group, settings.quick), _GROUPS)
        results = [result for group in groups for result in group]
    counts = collections.Counter(result["verdict"] for result in results)
    figures = {
        "files.inputs": len(results) - counts["same content"],
        "files.tracebacks": counts["unclear"] + counts["from below"],
        "files.silent": counts["silent"],
        "files.hangs": counts["crash"] + counts["hang"],
        "files.peak_memory_mib": max(result["peak_memory_mib"] for result in results),
    }
    failed = [result for result in results if result["verdict"] not in _GOOD]
    return Section(figures, {"failed": failed, "kinds": _by_kind(results)}, _lines(results, failed))


def _read(strides: dict[str, int], quick: bool) -> list[dict[str, Any]]:
    """What became of the inputs of some groups."""
    results: list[dict[str, Any]] = []
    while not _read_on(strides if quick else dict.fromkeys(strides, 1), results):
        pass
    return results


def _read_on(strides: dict[str, int], results: list[dict[str, Any]]) -> bool:
    """Goes on after the inputs that have a result; whether all have one now."""
    counts = collections.Counter(result["group"] for result in results)
    first = max((list(strides).index(group) for group in counts), default=0)
    groups = [(group, stride, counts[group]) for group, stride in list(strides.items())[first:]]
    process = subprocess.Popen(
        # Without the worker's folder, whose `numbers` is not Python's.
        [sys.executable, "-P", str(_WORKER), json.dumps(groups)],
        stdin=subprocess.PIPE,  # It ends where this process does.
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment({"TF_CPP_MIN_LOG_LEVEL": "3"}),
        text=True,
    )
    assert process.stdout is not None
    running: dict[str, Any] | None = None
    more = False
    seconds, verdict = _START_SECONDS, "crash"
    with process, ThreadPoolExecutor(1) as reader:
        # A pipe that is full would stop the process.
        errors = reader.submit(process.stderr.read)
        while True:
            if not select.select([process.stdout], [], [], seconds)[0]:
                verdict = "hang"
                process.kill()
                break
            line = process.stdout.readline()
            if not line:
                break
            seconds, content = _SECONDS, json.loads(line)
            if "more" in content:
                more = True
            elif "verdict" in content:
                assert running is not None
                results.append({**running, **content})
                running = None
            else:
                running = content
        message = errors.result()[-300:]
    if running is None and process.returncode:
        raise RuntimeError(f"a process that reads bad inputs failed: {message}")
    if running is not None:
        failed = {"verdict": verdict, "message": message, "peak_memory_mib": 0.0}
        results.append({**running, **failed})
    return running is None and not more


def _by_kind(results: list[dict[str, Any]]) -> dict[str, dict[str, int]]:
    found: dict[str, collections.Counter] = {}
    for result in results:
        found.setdefault(result["kind"], collections.Counter())[result["verdict"]] += 1
    return {
        kind: {verdict: counts[verdict] for verdict in _VERDICTS} for kind, counts in found.items()
    }


def _lines(results: list[dict[str, Any]], failed: list[dict[str, Any]]) -> list[str]:
    """For a person."""
    kinds = _by_kind(results)
    width = max(map(len, kinds))
    lines = [f"{'Bad files and bindings':{width}} " + " ".join(f"{name:>12}" for name in _VERDICTS)]
    for kind, counts in kinds.items():
        lines.append(f"{kind:{width}} " + " ".join(f"{counts[name]:12}" for name in _VERDICTS))
    lines += [
        f"{result['verdict']}: {result['kind']}, {result['name']}: {result['message']}"
        for result in failed
    ]
    return lines
