"""Runs without learning: `train.num_iterations = 0` evaluates a fixed policy."""

import csv
import json

import pytest

from recsim_tf.experiment import commands
from tests.experiment.tiny_runs import open_run, run_command

# Matplotlib and PolicySaver warn of their own dependencies.
pytestmark = pytest.mark.filterwarnings("ignore")
_BASELINE = (
    "experiment.create_agent = @create_baseline",
    "create_baseline.policy = 'oracle'",
    "train.num_iterations = 0",
)
_RESULTS = ("results.json", "sessions.csv", "config.gin", "returns.png")


def test_a_fixed_policy_leaves_its_results_and_the_same_again(tmp_path, capsys):
    results = commands.train(open_run(tmp_path, *_BASELINE))
    # The oracle is among the baselines as well: it is evaluated once.
    assert [policy["name"] for policy in results["policies"]] == ["Random", "Oracle"]
    assert results["train"]["iterations"] == results["train"]["env_steps"] == 0
    assert "Oracle" in capsys.readouterr().out
    assert (tmp_path / "returns.png").read_bytes()[:4] == b"\x89PNG"
    assert not (tmp_path / "learning_curve.png").exists()
    with open(tmp_path / "sessions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["policy"], row["user"]) for row in rows] == [
        (name, f"{user}") for name in ("Random", "Oracle") for user in range(64)
    ]
    before = {name: (tmp_path / name).read_bytes() for name in _RESULTS}
    assert commands.train(open_run(tmp_path, *_BASELINE)) == results
    assert {name: (tmp_path / name).read_bytes() for name in _RESULTS} == before


def test_a_fixed_policy_is_evaluated_as_any_run(tmp_path):
    commands.train(open_run(tmp_path, *_BASELINE))
    before = (tmp_path / "sessions.csv").read_bytes()
    code, output, errors = run_command("evaluate", f"--root_dir={tmp_path}")
    assert code == 0, errors
    assert [line.split()[0] for line in output.splitlines()[2:4]] == ["Random", "Oracle"]
    assert (tmp_path / "evaluations" / "sessions-0.csv").read_bytes() == before
    assert (tmp_path / "sessions.csv").read_bytes() == before


def test_an_agent_that_was_evaluated_before_training_learns_as_one_that_was_not(tmp_path):
    commands.train(open_run(tmp_path / "before", "train.num_iterations = 0"))
    extended = commands.train(open_run(tmp_path / "before", "train.num_iterations = 20"))
    straight = commands.train(open_run(tmp_path / "straight", "train.num_iterations = 20"))
    assert extended["policies"] == straight["policies"]
    assert json.loads((tmp_path / "before" / "results.json").read_text()) == extended
