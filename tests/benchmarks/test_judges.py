# SPDX-License-Identifier: Apache-2.0
"""Judges of other projects. Few are among the packages of the tests; `make judges` asks all."""

import pytest

import recsim_tf
from tests.benchmarks.runs import quick_run
from tests.processes import run_python


def test_a_quick_run_asks_the_judges_that_are_there(tmp_path):
    content, printed = quick_run(tmp_path, "judges.py", "gymnasium", "tf_agents", "files")
    expected = {"judges.gymnasium": 1, "judges.tf_agents": 1, "judges.minari": 3}
    assert content["figures"] | expected == content["figures"]
    lines = printed.splitlines()
    head = next(line for line in lines if line.startswith("judge "))
    assert head.split() == ["judge", "version", "what", "it", "said"]
    assert sum("1 of 1 environments" in line for line in lines[lines.index(head) :]) == 2
    assert not any("disagrees" in line for line in lines)


@pytest.fixture
def other_checker(tmp_path):
    """Writes a library with the name of Stable-Baselines3, whose checker is a line of Python."""

    def write(line: str) -> str:
        folder = tmp_path / "stable_baselines3" / "common"
        folder.mkdir(parents=True)
        for package in (folder.parent, folder):
            (package / "__init__.py").write_text("")
        text = f"def check_env(environment):\n    {line}\n" if "raise" in line else line
        (folder / "env_checker.py").write_text(text)
        return str(tmp_path)

    return write


def test_a_judge_that_disagrees_is_quoted_and_the_run_fails(other_checker):
    path = other_checker("raise AssertionError('the space is\\nbad')")
    process = run_python("benchmarks/judges.py", "sb3", "--quick", PYTHONPATH=path)
    environment = recsim_tf.registered()[0]
    expected = f"disagrees: {environment}: AssertionError: the space is bad"
    assert process.returncode == 1
    assert process.stdout.splitlines()[-1] == f"Stable-Baselines3 check_env {expected}"
    assert "0 of 1 environments pass" in process.stdout


def test_a_judge_that_is_missing_says_why_and_the_run_goes_on(other_checker):
    path = other_checker("import a_library_that_is_missing")
    process = run_python("benchmarks/judges.py", "sb3", "--quick", PYTHONPATH=path)
    assert process.returncode == 0, process.stderr
    last = process.stdout.splitlines()[-1]
    assert last.endswith("not asked: No module named 'a_library_that_is_missing'")


@pytest.mark.parametrize(
    ("judge", "flag", "missing"),
    [("obp", "obp_repo", "tests/ope"), ("agents", "cleanrl_repo", "cleanrl/ppo.py")],
)
def test_a_folder_that_is_no_clone_is_refused_in_one_line(judge, flag, missing, tmp_path):
    process = run_python("benchmarks/judges.py", judge, "--quick", f"--{flag}={tmp_path}")
    assert process.returncode == 1
    assert process.stderr.splitlines()[-1] == f"--{flag} must have {missing}, got {tmp_path}"
