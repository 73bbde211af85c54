from tests.benchmarks.runs import quick_run
from tests.processes import run_python


def test_a_quick_run_of_conucb_gives_the_regret_of_every_policy_and_the_bars(tmp_path):
    content, printed = quick_run(tmp_path, "mixed_mode.py", "conucb")
    figures = content["figures"]
    for policy in ("random", "linucb", "conucb", "conlinucb"):
        assert 0 < figures[f"conucb.{policy}"] < 10
        assert figures[f"conucb.{policy}_se"] > 0
    assert "conucb.linucb" in printed
    assert "not reached" not in printed


def test_an_unknown_section_is_one_line_that_names_the_known_ones():
    process = run_python("benchmarks/mixed_mode.py", "nothing")
    assert process.returncode == 1
    assert "name some of regret" in process.stderr
