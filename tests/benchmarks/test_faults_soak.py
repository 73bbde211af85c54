from tests.benchmarks.runs import quick_run


def test_a_quick_run_simulates_every_environment_without_a_number_that_is_not_finite(tmp_path):
    content, printed = quick_run(tmp_path, "faults.py", "soak")
    figures = content["figures"]
    assert figures["soak.steps"] >= 1e6
    assert figures["soak.not_finite"] == 0
    assert "soak.memory_growth" in figures
    assert "InterestEvolution-v1" in printed
