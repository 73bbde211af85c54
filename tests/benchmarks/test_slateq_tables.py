import json
import sys

import pytest

from tests.processes import run_python

sys.path.insert(0, "benchmarks")
import slateq_tables


def quick_run(tmp_path, *arguments):
    figures = tmp_path / "figures.json"
    process = run_python("benchmarks/slateq_tables.py", "--quick", f"--json={figures}", *arguments)
    assert process.returncode == 0, process.stderr
    return json.loads(figures.read_text())["figures"], process.stdout


def test_a_quick_run_of_a_table_of_the_paper_prints_and_writes_every_row(tmp_path):
    figures, text = quick_run(tmp_path, "--table=B", f"--plot={tmp_path / 'plot.png'}")
    assert list(figures) == ["Random", "FSQ", "SARSA-TS"]
    assert figures["FSQ"]["paper_return"] == 164.2
    assert all(name in text for name in figures)
    assert (tmp_path / "plot.png").stat().st_size > 1000
