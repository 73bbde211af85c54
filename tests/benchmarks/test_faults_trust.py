from tests.benchmarks.runs import quick_run


def test_a_quick_run_meets_strangers_of_both_kinds_and_looks_at_the_sockets(tmp_path):
    content, printed = quick_run(tmp_path, "faults.py", "trust")
    figures = content["figures"]
    assert figures["trust.models"] >= 8
    for name in ("ran", "untold", "large", "open_sockets"):
        assert figures[f"trust.{name}"] == 0, printed
    assert {case["kind"] for case in content["details"]["trust"]["cases"]} == {"models", "runs"}
    assert "All that must be 0 is 0." in printed
