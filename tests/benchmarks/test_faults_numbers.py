from tests.benchmarks.runs import quick_run


def test_a_sample_of_impossible_numbers_is_refused_by_name_or_does_no_harm(tmp_path):
    content, printed = quick_run(tmp_path, "faults.py", "numbers")
    figures = content["figures"]
    assert figures["numbers.inputs"] > 50
    assert figures["numbers.tracebacks"] == 0
    assert figures["numbers.silent"] == 0
    assert figures["numbers.hangs"] == 0
    assert figures["numbers.arguments_missing"] == 0
    assert "wrong sign" in printed
