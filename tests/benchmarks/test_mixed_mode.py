import mixed_mode
import numpy as np
import pytest
import sections
from absl import app

from tests.benchmarks.runs import quick_run, quick_section
from tests.processes import run_python

# Of each section the figures that have a standard error, and the others.
SECTIONS = {
    "regret": (
        [
            f"regret_8.{policy}"
            for policy in (
                "set",
                "evoi",
                "information_gain",
                "random_pair",
                "random_attribute",
                "recommend_only",
            )
        ],
        [],
    ),
    "slates": ([f"slates_10.{policy}" for policy in ("set", "top_k", "thompson", "oracle")], []),
    "stopping": (
        [],
        [
            f"stopping.{figure}.{cost}"
            for figure in ("threshold_over_cost", "rule_minus_best_fixed")
            for cost in ("0.02", "0.05", "0.1")
        ],
    ),
    "anchors": (["anchors.anchored", "anchors.unanchored", "anchors.ratio"], []),
    "recovery": ([], ["recovery.max_z", "recovery.coverage", "recovery.temperature_error"]),
    "words": ([], ["words.max_se_ratio", "words.microseconds"]),
    "iard": ([], ["iard.nats", "iard.top1", "iard.endorsed_ratio"]),
    "recurrent": (
        [],
        [f"recurrent.{figure}" for figure in ("perplexity", "unigram", "bigram", "top1")],
    ),
    "soft_attributes": ([], ["soft_attributes.gamma", "soft_attributes.nats"]),
    "speed": (
        [],
        ["speed.turns", "speed.turns_of_drawn_candidates", "speed.turns_with_belief"],
    ),
}


@pytest.mark.filterwarnings("ignore:.*effective draws")
@pytest.mark.parametrize("section", SECTIONS)
def test_a_quick_section_gives_its_figures(section):
    figures, _ = quick_section(mixed_mode.SECTIONS[section])
    with_error, others = SECTIONS[section]
    for name in with_error:
        assert figures[name] > 0
        assert figures[f"{name}_se"] > 0
    assert np.isfinite([figures[name] for name in others]).all()


def test_a_quick_run_of_conucb_gives_the_regret_of_every_policy_and_the_bars(tmp_path):
    content, printed = quick_run(tmp_path, "mixed_mode.py", "conucb")
    figures = content["figures"]
    for policy in ("random", "linucb", "conucb", "conlinucb"):
        assert 0 < figures[f"conucb.{policy}"] < 10
        assert figures[f"conucb.{policy}_se"] > 0
    assert "conucb.linucb" in printed
    assert "not reached" not in printed


def test_a_section_of_a_data_set_asks_for_its_file():
    process = run_python("benchmarks/mixed_mode.py", "iard")
    assert process.returncode == 1
    assert "iard needs --path, the file of its data set" in process.stderr


def test_an_unknown_section_is_one_line_that_names_the_known_ones():
    with pytest.raises(app.UsageError, match=r"name some of regret, .*, got nothing"):
        sections.chosen(["mixed_mode.py", "nothing"], list(mixed_mode.SECTIONS))
