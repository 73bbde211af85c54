from tests.benchmarks.runs import quick_run


def test_a_quick_run_compares_every_case(tmp_path):
    content, printed = quick_run(tmp_path, "recsim_parity.py")
    assert {name.split("/")[0] for name in content["figures"]} == {
        "InterestEvolution-v1",
        "InterestExploration-v1",
        "LongTermSatisfaction-v1",
    }
    assert "beyond 4" in printed
