"""Impossible numbers: of all models of all environments, and of what takes numbers beside them.

Each value is refused in one line that names the argument; or it is taken, and what is simulated,
scored or learned with it is finite (allowed), or is not (silent); or it is an error from below. A
value of a wrong type that is taken counts as silent, whatever comes of it.
"""

import collections
import concurrent.futures
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from campaign.common import Settings
from campaign.numbers import constructors, models
from campaign.numbers.outcomes import ALLOWED, BELOW, REFUSED, SILENT
from campaign.numbers.subjects import SUBJECTS
from processes import environment
from sections import Section

_BENCHMARKS = Path(__file__).parents[2]
HANG = "crash or hang"
_SECONDS_OF_A_CASE = 120
# A quick run takes every so manieth case of few subjects.
_QUICK = (("models", "InterestEvolution-v1"), ("constructors", "SlateQNetwork"))
_QUICK_EVERY = 11


class _Result(NamedTuple):
    """A case and what became of it."""

    subject: str
    argument: str
    fault: str
    shown: str
    kind: str
    message: str


def measure(settings: Settings) -> Section:
    """Gives every argument its impossible values, in processes that may crash."""
    subjects = [("models", name) for name in models.subjects()]
    subjects += [("constructors", name) for name in SUBJECTS]
    if settings.quick:
        subjects = list(_QUICK)
    every = _QUICK_EVERY if settings.quick else 1
    with concurrent.futures.ThreadPoolExecutor(settings.jobs) as pool:
        found = list(pool.map(lambda subject: list(_results(*subject, every)), subjects))
    results = [result for several in found for result in several]
    return _section(results, constructors.missing())


def _section(results: list[_Result], missing: list[str]) -> Section:
    failing = [result for result in results if result.kind not in (REFUSED, ALLOWED)]
    counts = collections.Counter(result.kind for result in results)
    figures = {
        "numbers.inputs": len(results),
        "numbers.tracebacks": counts[BELOW],
        "numbers.silent": counts[SILENT],
        "numbers.hangs": counts[HANG],
        "numbers.allowed": counts[ALLOWED],
        "numbers.arguments": len({(result.subject, result.argument) for result in results}),
        "numbers.arguments_missing": len(missing),
    }
    lines = [
        "Impossible numbers, by what is wrong with them",
        *_table(results),
        "",
        *(
            f"{result.kind}: {result.subject} {result.argument} = {result.shown}: {result.message}"
            for result in failing
        ),
        *(f"no impossible values for {name}" for name in missing),
    ]
    details: dict[str, Any] = {
        "failing": [result._asdict() for result in failing],
        "allowed": [list(result[:4]) for result in results if result.kind == ALLOWED],
    }
    return Section(figures, details, lines)


def _table(results: list[_Result]) -> Iterator[str]:
    kinds = (REFUSED, ALLOWED, SILENT, BELOW, HANG)
    rows: dict[str, collections.Counter] = {}
    for result in results:
        rows.setdefault(result.fault, collections.Counter())[result.kind] += 1
    rows["all"] = collections.Counter(result.kind for result in results)
    width = max(map(len, rows))
    yield " ".join([f"{'fault':<{width}}", *(f"{kind:>13}" for kind in kinds)])
    for fault, counts in rows.items():
        yield " ".join([f"{fault:<{width}}", *(f"{counts[kind]:>13}" for kind in kinds)])


def _results(group: str, subject: str, every: int) -> Iterator[_Result]:
    """The results of a subject; a case that ends its process, or does not end, is one of them."""
    first: int | None = 0
    while first is not None:
        first = yield from _of_one_process(group, subject, first, every)


def _of_one_process(group: str, subject: str, first: int, every: int):
    """The results of one process; returns the case to go on from, or None at the end."""
    command = [sys.executable, "-m", "campaign.numbers.worker", group, subject, str(first)]
    # Processes find recsim_tf where this one does.
    path = os.pathsep.join([str(_BENCHMARKS), *filter(None, sys.path)])
    process = subprocess.Popen(
        [*command, str(every)],
        env=environment({"PYTHONPATH": path}),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    case, number = None, first
    try:
        for line in _lines(process, _SECONDS_OF_A_CASE):
            if "case" in line:
                case, number = line["case"], line["number"]
            else:
                yield _Result(*case, *line["outcome"])
                case = None
    except TimeoutError:
        process.kill()
        yield _Result(*case or [subject, "", "", ""], HANG, f"no end in {_SECONDS_OF_A_CASE} s")
        return number + every
    status = process.wait()
    if not status:
        return None
    if case is None:
        raise RuntimeError(f"the process of {subject} ended with status {status}")
    yield _Result(*case, HANG, f"ended its process with status {status}")
    return number + every


def _lines(process: subprocess.Popen, seconds: float) -> Iterator[dict[str, Any]]:
    """Lines of JSON as they come; TimeoutError where none comes for so long."""
    assert process.stdout is not None
    descriptor, begun = process.stdout.fileno(), b""
    while True:
        ready, _, _ = select.select([descriptor], [], [], seconds)
        if not ready:
            raise TimeoutError
        data = os.read(descriptor, 2**16)
        if not data:
            return
        *whole, begun = (begun + data).split(b"\n")
        yield from map(json.loads, whole)
