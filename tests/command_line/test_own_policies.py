# SPDX-License-Identifier: Apache-2.0
"""A user's own environment and policies, from a module in the current folder."""

import json

import pytest

from tests.experiment.tiny_runs import succeed

# Matplotlib and PolicySaver warn of their own dependencies.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]

_POLICIES = '("random", @window, @late/window, @round_robin)'


def _names(path):
    return [policy["name"] for policy in json.loads(path.read_text())["policies"]]


def test_simulate_takes_the_environment_of_the_experiment_and_own_policies(folder, capfd):
    folder.write_shop()
    folder.write_gin(f"simulate.policies = {_POLICIES}", "late/window.start = 3")
    output = succeed(capfd, "simulate", "--root_dir=run", "--gin_file=shop.gin")
    names = ["Random", "window", "late/window", "round_robin"]
    assert [line.split()[0] for line in output.splitlines()[2:6]] == names
    assert _names(folder.path / "run" / "results.json") == names
    operative = (folder.path / "run" / "operative_config.gin").read_text()
    assert "simulate.simulator = @shop()" in operative
    assert "late/window.start = 3" in operative


def test_a_policy_gradient_learns_beside_own_policies_without_bindings_of_its_own(folder, capfd):
    folder.write_shop()
    lines = ["import shop", "experiment.simulator = @shop()", "experiment.num_users = 4"]
    lines += [f"experiment.baselines = {_POLICIES}", "late/window.start = 3"]
    lines += ["experiment.create_agent = @create_reinforce", "train.num_iterations = 1"]
    lines += ["Evaluation.num_users = 4", "Evaluation.max_steps = 2", "train.eval_users = 2"]
    (folder.path / "reinforce.gin").write_text("\n".join(lines))
    succeed(capfd, "train", "--root_dir=run", "--gin_file=reinforce.gin")
    names = ["Random", "window", "late/window", "round_robin", "REINFORCE"]
    assert _names(folder.path / "run" / "results.json") == names
