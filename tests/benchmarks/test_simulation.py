import json

from tests.processes import run_python


def test_a_quick_run_reports_every_figure(tmp_path):
    figures = tmp_path / "figures.json"
    process = run_python("benchmarks/simulation.py", "--quick", f"--json={figures}")
    assert process.returncode == 0, process.stderr
    content = json.loads(figures.read_text())
    rates = [value for name, value in content["figures"].items() if name.endswith("user_steps_per_cpu_second")]
    assert len(rates) == 4
    assert all(rate > 0 for rate in rates)
    assert "RecSim" in process.stdout
