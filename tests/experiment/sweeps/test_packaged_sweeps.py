"""The sweeps that are installed: each says what it gives, and each has trials."""

import pytest

from recsim_tf.experiment import config
from recsim_tf.experiment.sweeps.plan import Sweep, plan


def test_sweeps_are_no_experiments():
    assert "sweeps/quickstart.gin" in config.packaged_sweeps()
    assert not set(config.packaged_sweeps()) & set(config.packaged_configs())


@pytest.mark.parametrize("name", config.packaged_sweeps())
def test_the_head_says_what_to_expect_and_how_to_run_it(name):
    head = config.find_config(name).read_text().split("\n\n")[0].replace("\n# ", " ")
    assert all(line.startswith("#") for line in head.splitlines())
    assert "Expected: " in head
    assert (
        f"Run: recsim-tf sweep --root_dir=runs/{name.removesuffix('.gin')} --sweep_file={name}"
        in head
    )


@pytest.mark.parametrize("name", config.packaged_sweeps())
def test_every_trial_has_a_configuration(name):
    config.load([name], ())
    trials = plan(Sweep())
    assert len(trials) > 1
    assert len({trial.config for trial in trials}) == len(trials)
