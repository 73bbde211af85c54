import pytest

from tests.benchmarks.runs import quick_run


def test_a_quick_run_prints_and_writes_both_gradients(tmp_path):
    image = tmp_path / "plot.png"
    result, printed = quick_run(tmp_path, "policy_gradient.py", f"--plot={image}")
    content = result["figures"]
    pathwise = [
        f"tables/pathwise, temperature {temperature}" for temperature in (4, 2, 1, 0.5, 0.25, 0.125)
    ]
    training = ["interest evolution/pathwise", "interest evolution/score function"]
    assert list(content) == [*pathwise, "tables/score function", *training]
    for name, figure in content.items():
        if name.startswith("tables/"):
            assert figure["standard_error"] > 0
    warm, cool = content[pathwise[0]], content[pathwise[2]]
    assert warm["bias"] > cool["bias"] > 4 * cool["standard_error"]
    assert (
        warm["standard_deviation"]
        < cool["standard_deviation"]
        < content["tables/score function"]["standard_deviation"]
    )
    score_function = content["tables/score function"]
    assert score_function["bias"] < 4 * score_function["standard_error"]
    assert score_function["return"] == pytest.approx(score_function["exact_return"], abs=0.02)
    assert image.stat().st_size > 10_000
    assert "interest evolution" in printed
