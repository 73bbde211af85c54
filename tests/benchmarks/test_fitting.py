import json

from tests.processes import run_python


def test_a_quick_recovery_prints_and_writes_its_figures(tmp_path):
    figures = tmp_path / "figures.json"
    process = run_python(
        "benchmarks/fitting.py", "recovery", "--quick", "--replications=1", f"--json={figures}"
    )
    assert process.returncode == 0, process.stderr
    content = json.loads(figures.read_text())
    assert 0 < content["figures"]["max_relative_error"] < 1
    assert 0 <= content["figures"]["pooled_coverage"] <= 1
    assert set(content["rows"][0]["estimates"]) <= {
        line.split()[0] for line in process.stdout.splitlines() if line
    }


def test_a_quick_recovery_without_directions_compares_the_gradient_with_enumeration(tmp_path):
    figures = tmp_path / "figures.json"
    process = run_python(
        "benchmarks/fitting.py", "recovery", "--hidden", "--quick", f"--json={figures}"
    )
    assert process.returncode == 0, process.stderr
    found = json.loads(figures.read_text())["figures"]
    difference = found["gradient/particle_filter"] - found["gradient/enumeration"]
    assert abs(difference) < 4 * found["gradient/standard_error"]
