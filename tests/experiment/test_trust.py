# SPDX-License-Identifier: Apache-2.0
"""What the configuration of a run's folder may import."""

import pytest

from recsim_tf.experiment import config
from recsim_tf.support.errors import UsageError
from tests.experiment.tiny_runs import refused


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The folder of a run, beside a module that leaves a file when it is imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "shopkeeper.py").write_text("import pathlib\npathlib.Path('ran').touch()\n")
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("import shopkeeper", "import shopkeeper is refused, because somebody else may have writ"),
        ("import recsim_tf_of_mine", "import recsim_tf_of_mine is refused"),
        ("from run import shopkeeper", "pass --trust=run if you trust run"),
        ("from __gin__ import dynamic_registration", "pass --trust=__gin__"),
        ("include 'quickstart.gin'", "write its lines into the file"),
        ("load_simulator.imports = ('shopkeeper',)", "pass --trust=shopkeeper"),
        ("FittedModel.imports = ['recsim_tf', 'shopkeeper']", "pass --trust=shopkeeper"),
        ("run_ope.imports = %modules", "is refused, because somebody else may have written"),
        ("experiment.baselines = (@SavedPolicy,)", "pass --trust=SavedPolicy if you trust the pro"),
        ("x = {'a': [@old/recsim_tf.SavedPolicy()]}", "@SavedPolicy is refused, because it runs"),
    ],
)
def test_an_import_that_is_not_trusted_is_refused_before_anything_runs(run, capfd, line, message):
    (run / "config.gin").write_text(f"import recsim_tf.policies\n{line}\nimport shopkeeper\n")
    refusal = refused(capfd, "evaluate", "--root_dir=run")
    assert refusal.startswith("run/config.gin, line 2: ")
    assert message in refusal
    assert not (run.parent / "ran").exists()


def test_a_trusted_module_and_the_callers_own_files_import_anything(run):
    (run / "config.gin").write_text("import shopkeeper\n")
    with pytest.raises(UsageError, match="--trust=shopkeeper"):
        config.load([], [], run / "config.gin", ("shop",))
    config.load([], [], run / "config.gin", ("shopkeeper",))
    assert (run.parent / "ran").exists()
    (run / "config.gin").write_text("experiment.baselines = (@SavedPolicy,)\n")
    config.load([], [], run / "config.gin", ("SavedPolicy",))
    (run / "config.gin").write_text("")
    config.load([], ["import shopkeeper"], run / "config.gin")


def test_the_recorded_text_of_a_packaged_config_needs_no_trust(run):
    text = config.load(["quickstart.gin"], [])
    (run / "config.gin").write_text(text)
    assert config.load([], [], run / "config.gin") == text
