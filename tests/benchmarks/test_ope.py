import numpy as np
import pytest

from tests.benchmarks.runs import quick_section

SECTIONS = {
    "cut": ["cut.model_error", "cut.gain_coverage", "cut.candidates_error", "users.coverage"],
    "clicks": ["clicks.cips_vs_direct", "clicks.cdr_vs_direct", "clicks.contradicted"],
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
