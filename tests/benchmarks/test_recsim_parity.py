import json

from tests.processes import run_python


def test_a_quick_run_compares_every_case(tmp_path):
    figures = tmp_path / "figures.json"
    process = run_python("benchmarks/recsim_parity.py", "--quick", f"--json={figures}")
    assert process.returncode == 0, process.stderr
    content = json.loads(figures.read_text())
    assert {name.split("/")[0] for name in content["figures"]} == {
        "InterestEvolution-v1",
        "InterestExploration-v1",
        "LongTermSatisfaction-v1",
    }
    assert "beyond 4" in process.stdout
