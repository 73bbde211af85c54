import sys

import pytest

import recsim_tf
from benchmarks.speeds import simulation_worker, training_worker
from recsim_tf.core import random
from tests.benchmarks.runs import quick_run
from tests.processes import run_python


def test_a_quick_run_reports_a_step_and_its_draws(tmp_path):
    image = tmp_path / "plot.png"
    content, printed = quick_run(tmp_path, "speed.py", "--section=draws", f"--plot={image}")
    figures = content["figures"]
    assert figures["step_vs_draws"] == figures["step_ns/2"] / figures["draws_ns/2"]
    assert "step_vs_draws" in printed
    assert image.read_bytes().startswith(b"\x89PNG")


def test_steps_of_gymnasium_are_measured(tmp_path):
    content, printed = quick_run(tmp_path, "speed.py", "--section=gymnasium")
    assert content["figures"]["gymnasium_steps"] > 0
    assert "steps a CPU second" in printed


def test_first_calls_are_measured(tmp_path):
    content, printed = quick_run(tmp_path, "speed.py", "--section=first_call")
    figures = content["figures"]
    assert 0 < figures["first_call_graph_s"] < figures["first_call_s"]
    assert "CPU seconds of a rollout" in printed


def test_two_cores_are_compared_with_one(tmp_path):
    content, printed = quick_run(tmp_path, "speed.py", "--section=cores", "--section=learning")
    assert "seconds_to_270" not in content["figures"]
    assert "not reached" in printed
    figures = content["figures"]
    for name in ("two_cores", "two_cores_evaluate", "two_cores_fit", "large_vs_best"):
        assert figures[name] > 0
    assert "Millions of user-steps per second of wall time" in printed


def test_a_peer_that_an_interpreter_lacks_is_skipped_with_a_word(tmp_path):
    content, printed = quick_run(
        tmp_path, "speed.py", "--section=training", f"--recsim-python={sys.executable}"
    )
    figures = content["figures"]
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
    simulator = recsim_tf.make(environment, slate_size=2, num_candidates=10)
    simulate = simulation_worker.simulation(simulator, 2, 61, jit_compile=False)
    reward, sessions = simulate(random.as_seed(0))
    assert reward > 0
    # Satisfied or not, users leave after 60 steps; explorers stay.
    assert int(sessions) == (2 if environment == "LongTermSatisfaction-v1" else 0)


@pytest.mark.parametrize("agent", ["slate_q", "full_slate_q"])
def test_agents_with_networks_are_trained(agent):
    sizes = {"users": 3, "slate_size": 2, "num_candidates": 4, "replayed": 8, "replay_length": 3}
    task = training_worker.Task(
        agent, [8, 4], "InterestEvolution-v1", **sizes, iterations=2, cpu_seconds=0.0
    )
    result = training_worker.measure(task)
    assert result["steps"] == 6
    assert result["loss"] > 0
