# SPDX-License-Identifier: Apache-2.0
import sys
from unittest import mock

import processes
import pytest
from peers import learning_clock
from speeds import learning, training

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


def test_a_training_is_measured_without_its_peer_and_has_no_time_if_it_does_not_get_there():
    figures, details = quick_section("speeds.learning.measure")
    assert {"learning.return", "learning.two_cores", "learning.peak_mb"} < set(figures)
    assert not any("jax" in name or "270" in name for name in figures)
    assert figures["learning/recsim_tf/user_steps_per_cpu_second"] > 0
    for runs in details.values():
        assert [point["iterations"] for point in runs[0]["curve"]] == [2, 3]
        assert (runs[0]["users"], runs[0]["batch"]) == (8, 2)


def test_a_training_is_compared_with_its_peer_by_the_seconds_of_both():
    def run(rate, seconds):
        reached = {"iterations": 50, "training_cpu_seconds": seconds, "cpu_seconds": 5 + seconds}
        rates = {"user_steps_per_cpu_second": rate, "user_steps_per_wall_second": rate}
        figures = {"start_cpu_seconds": 5.0, "return": 280.0, "peak_mb": 1000.0}
        return {**rates, **figures, "reached": reached}

    def run_worker(module, task, one_core):
        bindings = " ".join(task.get("bindings", ()))
        rate = 240.0 if one_core else 540.0
        if "reinforce" in task.get("config_file", ""):
            rate = 90.0 if bindings else 60.0
        elif "config_file" in task:
            rate = 600.0 if "batch_size" in bindings else 2400.0
        elif "jit_compile" in bindings:
            rate = 300.0
        return {**run(rate, task["seed"] + 1.0), "users": 2048, "batch": 60}

    def run_peer(name, flag, python, script, style, seed, **arguments):
        assert (arguments["users"], arguments["batch"]) == (2048, 60)
        is_slateq = script == "jax_slateq.py"
        assert arguments["iterations"] == (1000 if is_slateq else 150)
        rate = {"tuned": 200.0, "idiomatic": 100.0}[style]
        return run(rate if is_slateq else rate / 4, 9.0), ""

    with (
        mock.patch.object(processes, "run_worker", run_worker),
        mock.patch.object(processes, "run_peer", run_peer),
    ):
        found = learning.measure(QUICK._replace(quick=False, rounds=3))
    assert found.figures["learning.vs_jax_tuned"] == 1.5
    assert found.figures["learning.vs_jax_idiomatic"] == 3
    assert found.figures["learning.reinforce_vs_jax"] == 1.8
    assert found.figures["learning.xla"] == 1.25
    assert found.figures["learning.one_step_ratio"] == 4
    assert found.figures["learning.two_cores"] == 2.25
    assert found.figures["learning.training_seconds_to_270"] == 2
    assert found.figures["learning.seconds_to_270"] == 7
    # Both memory and seconds miss their bars.
    assert sum(line.endswith("  not reached") for line in found.lines) == 3


def test_seconds_of_evaluations_do_not_count():
    seconds = iter(range(100))
    returns = iter([100.0, 271.0, 279.0])
    plan = learning_clock.Plan(iterations=10, chunk=4)

    def spend(result):
        next(seconds)
        return result

    with mock.patch.object(learning_clock.time, "process_time", side_effect=seconds):
        found = learning_clock.measure(
            plan, lambda number: spend(2 * number), lambda sessions: spend(next(returns))
        )
    # Each call of the clock, and what is between two calls, is a second.
    assert found["start_cpu_seconds"] == 1
    assert found["training_cpu_seconds"] == 3 * 2
    assert found["user_steps_per_cpu_second"] == 9 * 2 / 6
    reached = {"iterations": 9, "return": 271.0, "training_cpu_seconds": 4, "cpu_seconds": 5}
    assert found["reached"] == reached == found["curve"][-1]
    assert found["return"] == 279


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
