import numpy as np
import pytest
import sections

from tests.benchmarks.runs import quick_section
from tests.benchmarks.test_fitting_open_bandit import write_campaign

SECTIONS = {
    "cut": ["cut.model_error", "cut.gain_coverage", "cut.candidates_error", "users.coverage"],
    "cases": ["cases.largest_difference"],
    "obp": ["obp.ips", "obp.iips", "obp.rips"],
    "one_step": [
        "one_step.cascade.rips_vs_ips",
        "one_step.several_clicks.cascade_dr_vs_rips",
        "one_step.near_greedy.set_vs_ips",
        "one_step.coverage.least",
        "one_step.contradictions",
    ],
    "speed": [
        "speed.slate_weights",
        "speed.marginals_3_of_10",
        "speed.marginals_10_of_100",
        "speed.long_sessions_s",
        "speed.policies_s",
    ],
}


@pytest.mark.parametrize("section", SECTIONS)
def test_a_quick_section_gives_its_figures(section):
    figures, _ = quick_section(f"off_policy.{section}.measure")
    assert np.isfinite([figures[name] for name in SECTIONS[section]]).all()


def test_open_bandit_is_judged_from_the_random_log(tmp_path):
    for policy in ("random", "bts"):
        write_campaign(tmp_path, policy)
    settings = sections.Settings(quick=True, data_dir=str(tmp_path))
    figures, details = quick_section("off_policy.open_bandit.measure", settings)
    names = ("ips", "snips", "dr", "page_clicks", "logged", "random")
    assert all(0 < figures[f"open_bandit.men.{name}"] < 1 for name in names)
    assert set(details["men"]["verdicts"]) == {"ips", "snips", "dr"}
