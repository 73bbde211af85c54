from tests.benchmarks.runs import quick_run


def test_a_quick_run_measures_replicas_and_values_whose_sessions_are_those_of_runs_alone(
    tmp_path,
):
    content, printed = quick_run(tmp_path, "scaling.py")
    figures = content["figures"]
    assert (
        figures["multi_worker_vs_one_core"]
        == figures["multi_worker/env_steps_per_second"] / figures["one_core/env_steps_per_second"]
    )
    assert (
        figures["comparison_vs_runs"]
        == figures["comparison/graph/one_by_one_seconds"]
        / figures["comparison/graph/at_once_seconds"]
    )
    assert "two processes, a core each" in printed
    assert "comparison_vs_runs" in printed
