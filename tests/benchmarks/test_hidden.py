import numpy as np
import pytest

from tests.benchmarks.runs import quick_run

SECTIONS = {
    "latent": ["latent.mae", "latent.worst", "latent.seconds_per_iteration"],
    "memory": [
        *("memory.gru_0", "memory.gru_1", "memory.gru_2", "memory.gru_300"),
        *("memory.control", "memory.slate_q_memory", "memory.seconds"),
    ],
    "soft_attributes": [
        *("soft_attributes.seconds_50", "soft_attributes.seconds_200"),
        *("soft_attributes.critique_gain", "soft_attributes.critique_gain_true"),
        *("soft_attributes.tagging_users", "soft_attributes.median_ratings"),
    ],
}


@pytest.mark.parametrize("section", SECTIONS)
def test_a_quick_run_of_a_section_gives_its_figures(tmp_path, section):
    content, printed = quick_run(tmp_path, "hidden.py", section)
    assert np.isfinite([content["figures"][name] for name in SECTIONS[section]]).all()
    assert "not reached" not in printed
