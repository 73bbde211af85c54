# SPDX-License-Identifier: Apache-2.0
"""Test files of other projects, run by pytest in a process of its own."""

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

import processes


def run_tests(files: Iterable[Path], plugin: str = "") -> dict[str, str]:
    """Runs test files with pytest.

    Args:
      files: the files.
      plugin: a plugin of pytest that puts recsim_tf in the place of what the files test.

    Returns:
      By the name of a test, the first line of its failure; "" for none. Skipped tests are left out.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        plugins = ["-p", "no:cacheprovider", "-p", "no:xdist", *(["-p", plugin] if plugin else [])]
        command = [sys.executable, "-m", "pytest", "-q", *plugins, *map(str, files)]
        command += [f"--junitxml={report}", f"--rootdir={folder}", "--config-file=/dev/null"]
        benchmarks = str(Path(__file__).parents[1])
        path = [benchmarks, *filter(None, [processes.environment({}).get("PYTHONPATH")])]
        variables = {"PYTHONPATH": ":".join(path), "TF_USE_LEGACY_KERAS": "1"}
        environment = processes.environment(variables)
        process = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True
        )
        if process.returncode not in (0, 1):
            raise RuntimeError(f"pytest failed:\n{process.stdout}\n{process.stderr}")
        cases = list(ElementTree.parse(report).iter("testcase"))
    results = {}
    for case in cases:
        failed = [child for child in case if child.tag in ("failure", "error")]
        if failed or not any(child.tag == "skipped" for child in case):
            name = f"{case.get('classname')}::{case.get('name')}"
            results[name] = failed[0].get("message", "").splitlines()[0][:200] if failed else ""
    return results
