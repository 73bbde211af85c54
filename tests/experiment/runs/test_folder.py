# SPDX-License-Identifier: Apache-2.0
import importlib.metadata
import json
import re

import pytest

from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.support.errors import UsageError
from tests.experiment.tiny_runs import open_run, snapshot
from tests.refusals import assert_refused


def claim(run):
    """Claims the folder of a run, as a process that is killed before anything else."""
    with run.claim():
        return run


def test_a_run_may_be_extended_but_not_changed(tmp_path):
    claim(open_run(tmp_path))
    before = snapshot(tmp_path)
    open_run(tmp_path, "train.num_iterations = 100000")
    changes = ("experiment.num_users = 32", "SlateQTargets.gamma = 0.5")
    message = "differs in SlateQTargets.gamma, experiment.num_users"
    assert_refused(lambda: open_run(tmp_path, *changes), message)
    assert snapshot(tmp_path) == before


def test_a_changed_value_over_several_lines_is_noticed(tmp_path):
    names = ", ".join(f"'{name}'" for name in ["random"] * 30)
    claim(open_run(tmp_path, f"experiment.baselines = ({names})"))
    open_run(tmp_path, f"experiment.baselines = ({names})")
    with pytest.raises(UsageError, match=r"experiment.baselines"):
        open_run(tmp_path, f"experiment.baselines = ({names}, 'oracle')")


def test_a_folder_serves_one_process_at_a_time(tmp_path):
    with (
        open_run(tmp_path).claim(),
        pytest.raises(UsageError, match="in use by another process"),
    ):
        claim(open_run(tmp_path))
    claim(open_run(tmp_path))


def test_a_folder_in_which_the_first_record_was_not_finished_is_empty(tmp_path):
    (tmp_path / "config.gin.new").write_text("train.num_it")
    claim(RunDirectory(tmp_path, "a = 1\n"))
    assert {path.name for path in tmp_path.iterdir()} == {"config.gin", "machine.json", ".lock"}
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.new").write_text("mine")
    with pytest.raises(UsageError, match="is not empty and holds no run"):
        RunDirectory(other, "a = 1\n")


def test_metrics_rewind_to_a_checkpoint_and_survive_a_half_written_line(tmp_path):
    run = claim(open_run(tmp_path))
    for iteration in (0, 10, 20):
        run.append_metrics({"iteration": iteration})
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"iteration": 3')
    run.rewind_metrics(10)
    assert [row["iteration"] for row in run.metrics()] == [0, 10]
    run.append_metrics({"iteration": 20})
    assert [row["iteration"] for row in run.metrics()] == [0, 10, 20]


def test_what_a_kill_left_is_removed_by_the_next_that_claims_the_folder(tmp_path):
    run = open_run(tmp_path)
    with run.claim():
        run.append_metrics({"iteration": 0})
    whole = {path.name for path in tmp_path.iterdir()}
    (tmp_path / "config.gin.new").write_text("half")
    (tmp_path / "policy.new" / "variables").mkdir(parents=True)
    (tmp_path / "policy.new" / "variables" / "variables.index").write_text("half")
    (tmp_path / "evaluations").mkdir()
    (tmp_path / "evaluations" / "sessions-10.csv.new").write_text("half")
    with open_run(tmp_path).claim():
        assert {path.name for path in tmp_path.iterdir()} == whole | {"evaluations"}
        assert not list((tmp_path / "evaluations").iterdir())


def test_a_lock_that_is_a_link_is_refused_and_its_target_stays(tmp_path):
    precious = tmp_path / "precious.txt"
    precious.write_text("mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").symlink_to(precious)
    with pytest.raises(OSError, match=r"run/\.lock is a link, which is not followed: remove it$"):
        claim(open_run(tmp_path / "run"))
    assert precious.read_text() == "mine"
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".lock"]


def test_a_lock_that_is_a_folder_is_refused(tmp_path):
    (tmp_path / "run" / ".lock").mkdir(parents=True)
    with pytest.raises(OSError, match=r"run/\.lock must be a file, or not exist, for a lock$"):
        claim(open_run(tmp_path / "run"))


def test_links_that_end_in_new_are_removed_and_their_targets_stay(tmp_path):
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious.txt").write_text("mine")
    run.mkdir()
    (run / "config.gin").write_text("")
    (run / "x.new").symlink_to(elsewhere)
    (run / "y.new").symlink_to(elsewhere / "precious.txt")
    claim(RunDirectory(run))
    assert {path.name for path in run.iterdir()} == {"config.gin", "machine.json", ".lock"}
    assert snapshot(elsewhere) == {"precious.txt": b"mine"}


def test_a_new_run_that_fails_before_it_writes_leaves_the_folder_to_another(tmp_path):
    with pytest.raises(ZeroDivisionError), open_run(tmp_path / "new").claim():
        raise ZeroDivisionError
    assert not (tmp_path / "new").exists()
    with pytest.raises(ZeroDivisionError), open_run(tmp_path).claim():
        raise ZeroDivisionError
    claim(RunDirectory(tmp_path, "x.y = 1"))
    with pytest.raises(UsageError, match="holds a run of another configuration"):
        open_run(tmp_path)


def test_a_run_that_goes_on_with_other_threads_or_libraries_says_so(tmp_path, capsys):
    run = open_run(tmp_path)
    with run.claim():
        recorded = (tmp_path / "machine.json").read_text()
    for name in ("tensorflow", "tensorflow_probability", "tf_agents", "tf_keras", "numpy"):
        assert json.loads(recorded)[name] == importlib.metadata.version(name)
    with run.claim():
        assert capsys.readouterr().err == ""
    other = json.loads(recorded) | {"threads": 64, "numpy": "1.0", "processor_model": "6502"}
    (tmp_path / "machine.json").write_text(json.dumps(other))
    with run.claim():
        said = capsys.readouterr().err
    assert re.search(r"\(threads 64 before, \d+ now; ", said)
    assert re.search(r"; numpy 1.0 before, [\d.]+ now\)", said)
    if "processor_model" in json.loads(recorded):
        assert "; processor_model 6502 before, " in said
    assert json.loads((tmp_path / "machine.json").read_text()) == other


@pytest.mark.parametrize("content", ["5", "null", "{"])
def test_a_damaged_record_of_the_machine_is_named(tmp_path, content):
    run = claim(open_run(tmp_path))
    (tmp_path / "machine.json").write_text(content)
    message = r"/machine\.json is damaged \(.*\): remove it, and the same"
    assert_refused(lambda: claim(run), message)
