import pathlib

import pytest

from tests.processes import run_python


@pytest.mark.slow
def test_the_example_of_stable_baselines3_prints_returns_and_plots_them(tmp_path):
    pytest.importorskip("stable_baselines3", reason="it is no requirement of the tests")
    example = pathlib.Path("examples", "stable_baselines3.py")
    done = run_python(str(example), "--quick", f"--out={tmp_path}", MPLBACKEND="Agg")
    assert done.returncode == 0, done.stderr
    returns = dict(line.split() for line in done.stdout.splitlines())
    assert float(returns["random"]) < float(returns["myopic"]) < float(returns["oracle"])
    assert float(returns["PPO"]) > 25
    assert (tmp_path / "stable_baselines3.png").stat().st_size > 10_000
