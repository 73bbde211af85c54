import sys

import processes
import pytest
from speeds import training

from tests.benchmarks.runs import QUICK, in_this_process, quick_run, quick_section


def test_a_quick_run_reports_a_step_and_its_draws(tmp_path):
    content, printed = quick_run(tmp_path, "speed.py", "draws")
    figures = content["figures"]
    assert figures["step_vs_draws"] == figures["step_ns/2"] / figures["draws_ns/2"]
    assert "step_vs_draws" in printed


def test_steps_of_gymnasium_are_measured():
    figures, _ = quick_section("speeds.gymnasium.measure")
    assert figures["gymnasium_steps"] > 0


def test_first_calls_are_measured():
    figures, _ = quick_section("speeds.first_call.measure")
    assert 0 < figures["first_call_graph_s"] < figures["first_call_s"]


def test_two_cores_are_compared_with_one():
    figures, _ = quick_section("speeds.cores.measure")
    for name in ("two_cores", "two_cores_evaluate", "two_cores_fit", "large_vs_best"):
        assert figures[name] > 0


def test_a_training_that_does_not_get_there_has_no_time():
    figures, _ = quick_section("speeds.learning.measure")
    assert "seconds_to_270" not in figures
    assert figures["training/one core/user_steps_per_second"] > 0


def test_a_peer_that_an_interpreter_lacks_is_skipped_with_a_word():
    with in_this_process():
        found = training.measure(QUICK._replace(recsim_python=sys.executable))
    assert found.figures["slate_q/env_steps_per_cpu_second"] > 0
    assert "slateq_vs_recsim" not in found.figures
    assert any("RecSim: skipped, that interpreter cannot import it" in line for line in found.lines)


def test_an_interpreter_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SystemExit, match=r"^--recsim-python must be an interpreter, got "):
        processes.run_recsim(str(tmp_path / "python"))


@pytest.mark.parametrize("agent", ["slate_q", "full_slate_q"])
def test_agents_with_networks_are_trained(agent):
    sizes = {"users": 3, "slate_size": 2, "num_candidates": 4, "replayed": 8, "replay_length": 3}
    task = training.Task(
        agent, [8, 4], "InterestEvolution-v1", **sizes, iterations=2, cpu_seconds=0.0
    )
    result = training.timed(task)
    assert result["steps"] == 6
    assert result["loss"] > 0
