import importlib.util

import pytest

from tests.benchmarks.runs import quick_run

MISSING = [name for name in ("cosmic_ray", "coverage") if importlib.util.find_spec(name) is None]


@pytest.mark.skipif(MISSING, reason="mutants need cosmic-ray and coverage, of the extra mutants")
def test_faults_are_planted_and_seen(tmp_path):
    content, printed = quick_run(tmp_path, "mutants.py")
    figures = content["figures"]
    assert 1 <= figures["mutants.found"] <= figures["mutants.planted"] == 3
    assert len(content["survivors"]) == figures["mutants.planted"] - figures["mutants.found"]
    assert "mutants found" in printed
