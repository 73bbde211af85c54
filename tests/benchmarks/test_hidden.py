import numpy as np

from tests.benchmarks.runs import quick_run


def test_a_quick_run_of_memory_gives_its_figures(tmp_path):
    content, printed = quick_run(tmp_path, "hidden.py", "memory")
    policies = ["gru_0", "gru_1", "gru_2", "gru_300", "control", "slate_q_memory"]
    expected = {f"memory.{name}{end}" for name in policies for end in ("", "_se")}
    figures = content["figures"]
    assert set(figures) == expected | {"memory.seconds"}
    assert np.isfinite(list(figures.values())).all()
    assert "not reached" not in printed
