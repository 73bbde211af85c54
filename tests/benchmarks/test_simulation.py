import json

import pytest

from benchmarks import simulation_worker
from recsim_tf.core import random
from tests.processes import run_python


def test_a_quick_run_reports_every_figure(tmp_path):
    figures = tmp_path / "figures.json"
    process = run_python("benchmarks/simulation.py", "--quick", "--environment=InterestEvolution-v1", f"--json={figures}")
    assert process.returncode == 0, process.stderr
    content = json.loads(figures.read_text())
    rates = [value for name, value in content["figures"].items() if name.endswith("user_steps_per_cpu_second")]
    assert len(rates) == 4
    assert all(rate > 0 for rate in rates)
    assert all(name.startswith("InterestEvolution-v1/") for name in content["figures"])
    assert "RecSim" in process.stdout


@pytest.mark.parametrize("environment", ["InterestExploration-v1", "LongTermSatisfaction-v1"])
def test_every_environment_is_simulated(environment):
    task = simulation_worker.Task(
        environment=environment,
        users=[2],
        xla=False,
        one_core=True,
        slate_size=2,
        num_candidates=10,
        user_steps=0,
        min_steps=61,
        max_steps=61,
        cpu_seconds=0.0,
    )
    reward, sessions = simulation_worker.simulation(task, 2, 61)(random.as_seed(0))
    assert reward > 0
    # Satisfied or not, users leave after 60 steps; explorers stay.
    assert int(sessions) == (2 if environment == "LongTermSatisfaction-v1" else 0)
