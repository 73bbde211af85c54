# SPDX-License-Identifier: Apache-2.0
"""Quick runs of benchmarks."""

import importlib
import json
from pathlib import Path
from typing import Any
from unittest import mock

import processes
import sections

from tests.processes import run_python


def quick_run(folder: Path, script: str, *arguments: str) -> tuple[dict[str, Any], str]:
    """What a quick run of a script of `benchmarks`, in a process of its own, writes as JSON, and
    what it prints.
    """
    path = folder / "figures.json"
    process = run_python(f"benchmarks/{script}", *arguments, "--quick", f"--json={path}")
    assert process.returncode == 0, process.stderr
    return json.loads(path.read_text()), process.stdout


QUICK = sections.Settings(quick=True)


def quick_section(name: str, settings: Any = QUICK) -> tuple[dict[str, float], dict[str, Any]]:
    """Figures and details of a section of `benchmarks`, MODULE.FUNCTION, by a quick run in this
    process. It misses no bar.
    """
    with in_this_process():
        found = sections.function(name)(settings)
    assert not any(line.endswith("  not reached") for line in found.lines)
    return found.figures, found.details


def in_this_process() -> Any:
    """Inside, what processes of their own would measure is measured in this one."""

    def run_worker(module, task, one_core):
        worker = importlib.import_module(module)
        return worker.timed(worker.Task(**task))

    return mock.patch.object(processes, "run_worker", run_worker)
