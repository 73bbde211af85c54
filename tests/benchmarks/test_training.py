import json

import pytest

from benchmarks import training_worker
from tests.processes import run_python


def test_a_quick_run_reports_every_figure(tmp_path):
    figures = tmp_path / "figures.json"
    process = run_python("benchmarks/training.py", "--quick", "--agent=tabular_q", f"--json={figures}")
    assert process.returncode == 0, process.stderr
    content = json.loads(figures.read_text())
    assert set(content["figures"]) == {
        f"tabular_q/{figure}" for figure in ("steps_per_cpu_second", "steps_per_wall_second", "train_steps_per_cpu_second")
    }
    assert all(rate > 0 for rate in content["figures"].values())
    assert "RecSim: skipped, no --recsim-python" in process.stdout


@pytest.mark.parametrize("agent", ["slate_q", "full_slate_q"])
def test_agents_with_networks_are_trained(agent):
    task = training_worker.Task(
        agent=agent,
        environment="InterestEvolution-v1",
        hidden_units=[8, 4],
        users=3,
        slate_size=2,
        num_candidates=4,
        replayed=8,
        replay_length=3,
        iterations=2,
        cpu_seconds=0.0,
    )
    result = training_worker.measure(task)
    assert result["steps"] == 6
    assert result["loss"] > 0
