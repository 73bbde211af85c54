# SPDX-License-Identifier: Apache-2.0
"""The examples run, in their quick form; and the notebooks hold the same code."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

_EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"
_MODULES = {"newspaper_readers.py", "readers.py"}  # that a script imports
SCRIPTS = sorted({path.name for path in _EXAMPLES.glob("*.py")} - _MODULES)
NOTEBOOKS = sorted(path.name for path in _EXAMPLES.glob("*.ipynb"))

_LONG = ("spoken_replies.py", "sweep.py")


def test_the_thirteen_examples_are_there():
    assert SCRIPTS == [
        "learn_from_log.py",
        "listeners.py",
        "log_to_model.py",
        "newspaper.py",
        "own_agent.py",
        "own_conversation.py",
        "own_environment.py",
        "result_pages.py",
        "soft_attributes.py",
        "spoken_replies.py",
        "stable_baselines3.py",
        "sweep.py",
        "train_slate_q.py",
    ]
    assert NOTEBOOKS == ["log_to_model.ipynb", "own_environment.ipynb", "train_slate_q.ipynb"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_example_has_at_most_eighty_lines(script):
    assert len((_EXAMPLES / script).read_text(encoding="utf-8").splitlines()) <= 80


@pytest.mark.slow
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(script, marks=pytest.mark.long) if script in _LONG else script
        for script in SCRIPTS
    ],
)
def test_an_example_runs_and_draws_a_plot(script, tmp_path):
    if script == "stable_baselines3.py":
        pytest.importorskip("stable_baselines3", reason="it is no requirement of the tests")
    environment = {**os.environ, "PYTHONPATH": str(_EXAMPLES.parent), "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, str(_EXAMPLES / script), "--quick"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    name = script.removesuffix(".py")
    plot = tmp_path / "runs" / "examples" / name / f"{name}.png"
    assert plot.read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_a_notebook_is_its_script_with_outputs(notebook):
    cells = json.loads((_EXAMPLES / notebook).read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    script = (_EXAMPLES / notebook).with_suffix(".py").read_text(encoding="utf-8")
    assert all(cell in script for cell in code)
    assert len(code) == script.count("# %%") - script.count("# %% [markdown]")
    assert any(cell.get("outputs") for cell in cells)
