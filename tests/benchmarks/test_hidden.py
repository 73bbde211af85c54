import numpy as np
import pytest

from tests.benchmarks.runs import quick_run, quick_section

SECTIONS = {
    "latent": ["latent.mae", "latent.worst", "latent.seconds_per_iteration"],
    "memory": [
        *("memory.gru_0", "memory.gru_1", "memory.gru_2", "memory.gru_300"),
        *("memory.control", "memory.slate_q_memory", "memory.seconds"),
    ],
}


@pytest.mark.parametrize("section", SECTIONS)
def test_a_quick_section_gives_its_figures(section):
    figures, _ = quick_section(f"hidden_states.{section}.measure")
    assert np.isfinite([figures[name] for name in SECTIONS[section]]).all()


def test_a_quick_run_gives_the_figures_of_its_section(tmp_path):
    content, printed = quick_run(tmp_path, "hidden.py", "soft_attributes")
    for name in ("seconds_50", "seconds_200", "critique_gain", "critique_gain_true"):
        assert np.isfinite(content["figures"][f"soft_attributes.{name}"])
    assert "not reached" not in printed
