import json

from tests.processes import run_python


def test_a_quick_run_measures_replicas_and_values_whose_sessions_are_those_of_runs_alone(
    tmp_path,
):
    path = tmp_path / "figures.json"
    process = run_python("benchmarks/scaling.py", "--quick", f"--json={path}")
    assert process.returncode == 0, process.stderr
    figures = json.loads(path.read_text())["figures"]
    assert (
        figures["multi_worker_vs_one_core"]
        == figures["multi_worker/env_steps_per_second"] / figures["one_core/env_steps_per_second"]
    )
    assert (
        figures["comparison_vs_runs"]
        == figures["comparison/graph/one_by_one_seconds"]
        / figures["comparison/graph/at_once_seconds"]
    )
    assert "two processes, a core each" in process.stdout
    assert "comparison_vs_runs" in process.stdout
