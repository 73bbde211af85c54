import pytest

from tests.benchmarks.runs import quick_run
from tests.processes import run_python


def test_a_quick_recovery_prints_and_writes_its_figures(tmp_path):
    content, printed = quick_run(tmp_path, "fitting.py", "recovery", "--replications=1")
    assert 0 < content["figures"]["max_relative_error"] < 1
    assert 0 <= content["figures"]["pooled_coverage"] <= 1
    assert set(content["rows"][0]["estimates"]) <= {
        line.split()[0] for line in printed.splitlines() if line
    }


def test_a_quick_recovery_without_directions_compares_the_gradient_with_enumeration(tmp_path):
    found = quick_run(tmp_path, "fitting.py", "recovery", "--hidden")[0]["figures"]
    difference = found["gradient/particle_filter"] - found["gradient/enumeration"]
    assert abs(difference) < 4 * found["gradient/standard_error"]


@pytest.mark.parametrize(("study", "folder"), [("movielens", "ml-100k"), ("open_bandit", "obd")])
def test_a_missing_data_set_is_one_line_that_tells_how_to_get_it(tmp_path, study, folder):
    process = run_python("benchmarks/fitting.py", study, f"--data_dir={tmp_path}")
    assert process.returncode == 1
    assert (
        process.stderr.strip().splitlines()[-1]
        == f"data_dir has no folder {folder}, got {tmp_path}: run `make data` first"
    )
