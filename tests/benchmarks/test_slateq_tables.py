from tests.benchmarks.runs import quick_run
from tests.processes import run_python


def test_a_quick_run_of_a_table_prints_writes_and_draws_rows(tmp_path):
    image = tmp_path / "plot.png"
    content, printed = quick_run(tmp_path, "slateq_tables.py", "--table=B", f"--plot={image}")
    found = content["figures"]
    assert list(found) == ["Random", "FSQ"]
    assert found["FSQ"]["paper_return"] == 164.2
    assert all(name in printed for name in found)
    assert image.stat().st_size > 1000


def test_the_full_budget_has_no_tables():
    process = run_python("benchmarks/slateq_tables.py", "--budget=full", "--table=A")
    assert process.returncode != 0
    assert "--table goes with --budget=paper" in process.stderr + process.stdout
