"""The Python of README and of docs/ runs as printed: the blocks of a page are one session."""

import pathlib
import re
import subprocess

import pytest

from tests.processes import run_python

_ROOT = pathlib.Path(__file__).parent.parent


def _run(page: str, folder: pathlib.Path) -> subprocess.CompletedProcess:
    blocks = re.findall(r"```python\n(.*?)```", (_ROOT / page).read_text(), re.DOTALL)
    assert blocks
    script = folder / "session.py"
    script.write_text("\n".join([f"import os\nos.chdir({str(folder)!r})", *blocks]))
    process = run_python(str(script))
    assert process.returncode == 0, process.stderr
    return process


def test_readme_simulates_a_new_environment_and_fits_it(tmp_path):
    printed = _run("README.md", tmp_path).stdout
    figures = dict(re.findall(r"^(clicks|log-likelihood) a session (\S+)$", printed, re.M))
    assert float(figures["clicks"]) > 1
    assert float(figures["log-likelihood"]) < 0
    (boredom,) = re.findall(r"value=(?:np.float32\()?([\d.]+)", printed)
    assert abs(float(boredom) - 0.2) < 0.05, "the fit finds the value that README simulates with"


def test_the_page_on_gymnasium_makes_environments_by_name(tmp_path):
    printed = _run("docs/gymnasium.md", tmp_path).stdout
    assert "(292,)" in printed
    assert printed.endswith("True\n")


@pytest.mark.slow
def test_the_page_on_fitting_writes_a_report_and_a_model(tmp_path):
    _run("docs/fitting.md", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} >= {"report.html", "my_model"}


@pytest.mark.slow
def test_the_page_on_slate_q_differentiates_a_return(tmp_path):
    _run("docs/slate_q.md", tmp_path)


@pytest.mark.slow
def test_the_page_on_sweeps_finds_the_best_variant(tmp_path):
    assert "value=" in _run("docs/sweeps.md", tmp_path).stdout
