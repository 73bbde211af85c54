import numpy as np
import pytest
from sections import function

from tests.benchmarks.runs import quick_run, quick_section

# Of each section the figures that have a standard error, and the others.
SECTIONS = {
    "ecosystem": (
        ["boost_1_2", "boost_4_8", "learned_gain"],
        ["early_gain", "late_gain", "providers_alive", "worst_decile_gain"],
    ),
    "news": (["news.random", "news.greedy", "news.explore", "news.lead"], []),
    "returns": ([f"returns.{policy}" for policy in ("learner", "myopic", "random", "kale")], []),
}


def _check(section, figures):
    with_error, others = SECTIONS[section]
    for name in with_error:
        assert np.isfinite(figures[name])
        assert figures[f"{name}_se"] >= 0
    assert np.isfinite([figures[name] for name in others]).all()


@pytest.mark.parametrize("section", ["ecosystem", "returns"])
def test_a_quick_run_of_a_section_gives_its_figures_and_its_plot(tmp_path, section):
    plot = tmp_path / "plot.png"
    figures, details = quick_section(f"shared_worlds.{section}.measure")
    _check(section, figures)
    function(f"shared_worlds.{section}.draw")(details, str(plot))
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_a_quick_run_gives_the_figures_of_its_section(tmp_path):
    content, printed = quick_run(tmp_path, "worlds.py", "news")
    _check("news", content["figures"])
    assert "not reached" not in printed
