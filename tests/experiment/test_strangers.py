"""Run folders that somebody else made, and those of a user's own module."""

import os
import sys

import gin
import pytest

from recsim_tf.experiment import config
from recsim_tf.experiment.evaluate import check_inside
from recsim_tf.experiment.runs.errors import UsageError
from recsim_tf.experiment.runs.folder import RunDirectory
from tests.experiment.tiny_runs import TINY, run_command

PLANTED = """
import pathlib, gin
pathlib.Path("ran").touch()
@gin.configurable
def planted():
    from recsim_tf.environments.interest_evolution import interest_evolution
    return interest_evolution()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a module that leaves a file when it runs."""
    (tmp_path / "shop.py").write_text(PLANTED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    with gin.config.interactive_mode():
        yield tmp_path
    sys.modules.pop("shop", None)


def write_run(folder, text):
    """A run as a stranger may write it."""
    run = folder / "run"
    run.mkdir()
    (run / "config.gin").write_text(text)
    return run


@pytest.mark.parametrize("name", config.packaged_configs())
def test_runs_of_packaged_configs_need_no_trust(tmp_path, name):
    text = config.load([name], [])
    run = write_run(tmp_path, text)
    # A fit has no agent to evaluate, and its log may be in a file; movies are in a folder.
    if "run_fit" in text or "movielens" in text:
        with pytest.raises(ValueError, match="--trust=recsim_tf"):
            config.load_run(run / "config.gin", (), [], [])
    else:
        assert config.load_run(run / "config.gin", (), [], []) == text


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("import shop", "line 1: import shop is refused, because somebody else may have written"),
        ("import shop", "pass --trust=shop if you trust shop"),
        ("from run import shop", "--trust=run"),
        ("import unittest.__main__", "--trust=unittest"),
        ("include 'quickstart.gin'", "write its lines into the file"),
        ("from __gin__ import dynamic_registration", "functions that gin does not know"),
        ("experiment.simulator = @run_fit()", "@run_fit is refused"),
        ("experiment.simulator = @save_model()", "@save_model is refused"),
        ("experiment.simulator = @read_episode_log()", "@read_episode_log is refused"),
        ("experiment.simulator = @devices()", "@devices is refused"),
        ("experiment.simulator = @train", "@train is refused"),
        ("experiment.create_agent = @DqnAgent", "--trust=tf_agents"),
        ("load_simulator.imports = ('shop',)", "imports = 'shop' is refused"),
        ("names = ('shop',)\nload_simulator.imports = %names", "imports = a reference is refused"),
        (
            "Adam.learning_rate = {'module': 'shop', 'class_name': 'A', 'config': {}}",
            "'class_name' is refused",
        ),
        ("key = 'class_name'\nAdam.learning_rate = {%key: 'A'}", "'class_name' is refused"),
        ("a = " + "[" * 9000, "run/config.gin"),
        ("a = 1", "root_dir run has no checkpoint to evaluate"),
    ],
)
def test_what_a_run_may_not_name_is_refused_before_anything_runs(folder, capfd, line, told):
    text = f"{line}\n{config.load([TINY], [])}"
    write_run(folder, text)
    code, output, errors = run_command(capfd, "evaluate", "--root_dir=run")
    assert (code, output) == (2, "")
    assert told in errors
    assert errors.count("\n") == 1
    assert not (folder / "ran").exists()


def test_a_trusted_module_and_the_callers_own_words_may_name_anything(folder, capfd):
    run = write_run(folder, "import shop\n" + config.load([TINY], []))
    with pytest.raises(ValueError, match="--trust=shop"):
        config.load_run(run / "config.gin", ("shopping", "sho"), [], [])
    assert not (folder / "ran").exists()
    config.load_run(run / "config.gin", ("shop",), [], [])
    assert (folder / "ran").exists()
    (folder / "own.gin").write_text("import shop\nexperiment.simulator = @planted()\n")
    write_run(folder / "run", config.load([TINY], []))
    config.load_run(run / "run" / "config.gin", (), ["own.gin"], ["import shop"])
    assert run_command(capfd, "evaluate", "--root_dir=run", "--trust=../shop")[0] == 2


def test_a_watched_run_is_a_strangers_too(folder, capfd):
    write_run(folder, "import shop\n")
    code, _, errors = run_command(capfd, "evaluate", "--root_dir=run", "--watch")
    assert code == 2
    assert "--trust=shop" in errors
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("ending", ["SystemExit(0)", "BaseException('gone')"])
def test_a_trusted_module_that_ends_is_one_line(folder, capfd, ending):
    (folder / "shop.py").write_text(f"raise {ending}")
    write_run(folder, "import shop\n")
    code, _, errors = run_command(capfd, "evaluate", "--root_dir=run", "--trust=shop")
    assert code == 2
    assert f"import shop ended with {ending.partition('(')[0]}" in errors
    assert errors.count("\n") == 1


def test_links_and_checkpoints_that_lead_out_of_the_folder_are_refused(folder):
    run = RunDirectory(write_run(folder, ""))
    check_inside(run)
    (folder / "elsewhere").touch()
    link = run.path / "evaluations.jsonl"
    os.symlink(folder / "elsewhere", link)
    with pytest.raises(UsageError, match=r"evaluations.jsonl must not be a link that leads out"):
        check_inside(run)
    link.unlink()
    (folder / "other").mkdir()
    (run.path / "checkpoints").mkdir()
    os.symlink(folder / "other", run.path / "checkpoints" / "10")
    with pytest.raises(UsageError, match=r"checkpoints/10 must not be a link that leads out"):
        check_inside(run)
