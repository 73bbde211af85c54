import pytest
import tensorflow as tf

from recsim_tf.experiment.runs.errors import UsageError
from recsim_tf.experiment.runs.folder import RunDirectory, restore
from tests.experiment.tiny_runs import open_run, snapshot


def test_a_run_may_be_extended_but_not_changed(tmp_path):
    with open_run(tmp_path).claim():
        pass
    before = snapshot(tmp_path)
    open_run(tmp_path, "train.num_iterations = 100000")
    with pytest.raises(
        UsageError, match=r"differs in SlateQTargets.gamma, experiment.num_users"
    ) as caught:
        open_run(tmp_path, "experiment.num_users = 32", "SlateQTargets.gamma = 0.5")
    assert "\n" not in str(caught.value)
    assert snapshot(tmp_path) == before


def test_a_changed_value_over_several_lines_is_noticed(tmp_path):
    names = ", ".join(f"'{name}'" for name in ["random"] * 30)
    with open_run(tmp_path, f"experiment.baselines = ({names})").claim():
        pass
    open_run(tmp_path, f"experiment.baselines = ({names})")
    with pytest.raises(UsageError, match=r"experiment.baselines"):
        open_run(tmp_path, f"experiment.baselines = ({names}, 'oracle')")


def test_a_folder_serves_one_process_at_a_time(tmp_path):
    with (
        open_run(tmp_path).claim(),
        pytest.raises(UsageError, match="in use by another process"),
        open_run(tmp_path).claim(),
    ):
        pass
    with open_run(tmp_path).claim():
        pass


def test_a_foreign_folder_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(UsageError, match="is not empty and holds no run"):
        open_run(tmp_path)
    assert snapshot(tmp_path) == {"thesis.txt": b"precious"}


def test_a_folder_in_which_the_first_record_was_not_finished_is_empty(tmp_path):
    (tmp_path / "config.gin.new").write_text("train.num_it")
    folder = RunDirectory(tmp_path, "a = 1\n")
    with folder.claim():
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"config.gin", ".lock"}
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.new").write_text("mine")
    with pytest.raises(UsageError, match="is not empty and holds no run"):
        RunDirectory(other, "a = 1\n")


def test_a_file_is_refused_as_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        open_run(tmp_path / "file")


def test_a_folder_without_a_run_cannot_be_opened_as_one(tmp_path):
    with pytest.raises(UsageError, match=r"must be the folder of a run"):
        RunDirectory(tmp_path)


def test_metrics_rewind_to_a_checkpoint_and_survive_a_half_written_line(tmp_path):
    run = open_run(tmp_path)
    with run.claim():
        pass
    for iteration in (0, 10, 20):
        run.append_metrics({"iteration": iteration})
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"iteration": 3')
    run.rewind_metrics(10)
    assert [row["iteration"] for row in run.metrics()] == [0, 10]
    run.append_metrics({"iteration": 20})
    assert [row["iteration"] for row in run.metrics()] == [0, 10, 20]


class _DeletedWhileRead(tf.train.experimental.PythonState):
    """A part of a checkpoint, at whose reading the first checkpoint of a folder is deleted."""

    def __init__(self, folder):
        self._folder = folder

    def serialize(self):
        return ""

    def deserialize(self, string_value):
        del string_value
        for path in self._folder.glob("ckpt-1.*"):
            path.unlink()


def test_a_checkpoint_that_is_deleted_while_it_is_read_does_not_spoil_the_next(tmp_path):
    def checkpoint():
        return tf.train.Checkpoint(part=_DeletedWhileRead(tmp_path))

    written = checkpoint()
    first, second = (written.save(str(tmp_path / "ckpt")) for _ in range(2))
    read = checkpoint()
    with pytest.raises(UsageError, match="ckpt-1 is corrupt"):
        restore(read, first)
    restore(read, second)
