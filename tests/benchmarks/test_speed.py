import json
import sys

import pytest

from benchmarks.speeds import simulation_worker, training_worker
from recsim_tf.core import random
from tests.processes import run_python


def speed(tmp_path, *arguments):
    path = tmp_path / "figures.json"
    process = run_python("benchmarks/speed.py", "--quick", f"--json={path}", *arguments)
    assert process.returncode == 0, process.stderr
    return json.loads(path.read_text())["figures"], process.stdout


def test_a_quick_run_reports_a_step_and_its_draws(tmp_path):
    figures, printed = speed(tmp_path, "--section=draws", f"--plot={tmp_path / 'plot.png'}")
    assert figures["step_vs_draws"] == figures["step_ns/2"] / figures["draws_ns/2"]
    assert "step_vs_draws" in printed
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_a_peer_that_an_interpreter_lacks_is_skipped_with_a_word(tmp_path):
    figures, printed = speed(tmp_path, "--section=training", f"--recsim-python={sys.executable}")
    assert figures["slate_q/env_steps_per_cpu_second"] > 0
    assert "slateq_vs_recsim" not in figures
    assert "RecSim: skipped, that interpreter cannot import it" in printed


def test_an_interpreter_that_is_not_there_is_refused(tmp_path):
    process = run_python(
        "benchmarks/speed.py",
        "--quick",
        "--section=training",
        f"--recsim-python={tmp_path / 'python'}",
    )
    assert process.returncode
    assert process.stderr.splitlines()[-1].startswith(
        "--recsim-python must be an interpreter, got "
    )


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
