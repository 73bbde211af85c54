import numpy as np
import pytest

from tests.benchmarks.runs import quick_run
from tests.processes import run_python

# Of each section the figures that have a standard error, and the others.
SECTIONS = {
    "ecosystem": (
        ["boost_1_2", "boost_4_8", "learned_gain"],
        ["early_gain", "late_gain", "providers_alive", "worst_decile_gain"],
    ),
    "ecosystem_speed": ([], ["user_steps", "ecosystem_speed.traces"]),
    "news": (
        ["news.random", "news.greedy", "news.explore", "news.lead"],
        ["news.popularity_error"],
    ),
    "returns": (
        [f"returns.{policy}" for policy in ("learner", "myopic", "random", "kale")],
        ["returns.max_z"],
    ),
}
WITH_PLOT = ("ecosystem", "returns")


@pytest.mark.parametrize("section", SECTIONS)
def test_a_quick_run_of_a_section_gives_its_figures_and_its_plot(tmp_path, section):
    plot = tmp_path / "plot.png"
    flags = [f"--plot={plot}"] * (section in WITH_PLOT)
    content, printed = quick_run(tmp_path, "worlds.py", section, *flags)
    figures = content["figures"]
    with_error, others = SECTIONS[section]
    for name in with_error:
        assert np.isfinite(figures[name])
        assert figures[f"{name}_se"] >= 0
    assert np.isfinite([figures[name] for name in others]).all()
    assert "not reached" not in printed
    if flags:
        assert plot.read_bytes().startswith(b"\x89PNG")


def test_an_unknown_section_is_one_line_that_names_the_known_ones():
    process = run_python("benchmarks/worlds.py", "nothing")
    assert process.returncode == 1
    assert "name some of ecosystem, ecosystem_speed, news, returns" in process.stderr
