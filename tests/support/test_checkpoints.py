# SPDX-License-Identifier: Apache-2.0
import os

import pytest
import tensorflow as tf

from recsim_tf.support import checkpoints


def saved(folder, number, value, max_to_keep=2, **parts):
    parts = {"run": value, **parts}
    checkpoints.save(
        folder,
        number,
        {name: tf.train.Checkpoint(x=tf.Variable(content)) for name, content in parts.items()},
        max_to_keep,
    )


def restored(folder):
    variable = tf.Variable(0.0)
    number = checkpoints.restore_newest(folder, "run", tf.train.Checkpoint(x=variable))
    return number, float(variable)


def damage(folder, number):
    for path in (folder / str(number)).glob("run.data*"):
        path.write_bytes(b"")


def test_the_newest_are_kept_and_the_newest_is_restored(tmp_path):
    folder = tmp_path / "checkpoints"
    assert checkpoints.numbers(folder) == []
    folder.mkdir()
    assert restored(folder) == (None, 0.0)
    for number in (8, 9, 10):
        saved(folder, number, float(number))
    assert checkpoints.numbers(folder) == [9, 10]
    assert restored(folder) == (10, 10.0)
    saved(folder, 10, 0.5)
    assert restored(folder) == (10, 0.5)


def test_a_checkpoint_that_was_not_finished_counts_as_nothing(tmp_path):
    saved(tmp_path, 1, 1.0)
    (tmp_path / "2.new").mkdir()
    (tmp_path / "2.new" / "run.index").write_bytes(b"half")
    assert restored(tmp_path) == (1, 1.0)
    saved(tmp_path, 2, 2.0)
    assert restored(tmp_path) == (2, 2.0)
    assert not (tmp_path / "2.new").exists()


def test_a_failure_while_saving_leaves_the_older_ones(tmp_path):
    class Failing(tf.train.experimental.PythonState):
        def serialize(self):
            raise OSError(28, "No space left on device")

        def deserialize(self, string_value): ...

    saved(tmp_path, 1, 1.0)
    with pytest.raises(OSError, match="No space left on device"):
        checkpoints.save(tmp_path, 2, {"run": tf.train.Checkpoint(x=Failing())}, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_an_older_one_is_restored_where_the_newest_is_damaged(tmp_path, capsys):
    for number in (1, 2, 3):
        saved(tmp_path, number, float(number), max_to_keep=3)
    damage(tmp_path, 3)
    assert restored(tmp_path) == (2, 2.0)
    assert capsys.readouterr().err.rstrip().endswith("going back to 2")
    damage(tmp_path, 1)
    damage(tmp_path, 2)
    with pytest.raises(checkpoints.CorruptError, match=r"3/run is corrupt .*: restore the file or"):
        restored(tmp_path)


def test_a_named_pipe_in_a_checkpoint_is_damage_and_not_waited_for(tmp_path):
    saved(tmp_path, 1, 1.0)
    (tmp_path / "1" / "run.index").unlink()
    os.mkfifo(tmp_path / "1" / "run.index")
    with pytest.raises(checkpoints.CorruptError, match=r"\(run.index is not a file\)"):
        restored(tmp_path)


def test_a_run_that_went_back_keeps_what_it_saves_then(tmp_path):
    for number in (10, 20):
        saved(tmp_path, number, float(number))
    damage(tmp_path, 20)
    assert restored(tmp_path)[0] == 10
    saved(tmp_path, 15, 15.0, max_to_keep=1, replay=1.0)
    checkpoints.keep_newest(tmp_path, "replay")
    assert restored(tmp_path) == (15, 15.0)
    assert list((tmp_path / "15").glob("replay.index"))


def test_a_part_is_kept_in_the_newest_only(tmp_path):
    for number in (1, 2):
        saved(tmp_path, number, 1.0, replay=2.0)
        checkpoints.keep_newest(tmp_path, "replay")
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.index")}
    assert files == {"1/run.index", "2/run.index", "2/replay.index"}


def test_one_that_is_deleted_while_it_is_read_does_not_spoil_the_next(tmp_path):
    class DeletedWhileRead(tf.train.experimental.PythonState):
        def serialize(self):
            return ""

        def deserialize(self, string_value):
            for path in (tmp_path / "1").glob("*"):
                path.unlink()

    written = tf.train.Checkpoint(part=DeletedWhileRead())
    for number in (1, 2):
        checkpoints.save(tmp_path, number, {"run": written}, 2)
    read = tf.train.Checkpoint(part=DeletedWhileRead(), x=tf.Variable(0.0))
    with pytest.raises(checkpoints.CorruptError, match="1/run is corrupt"):
        checkpoints.restore(tmp_path, 1, "run", read)
    read = tf.train.Checkpoint(part=DeletedWhileRead())
    checkpoints.restore(tmp_path, 2, "run", read)


@pytest.mark.slow
def test_each_newest_one_is_seen_once(tmp_path):
    found = []
    for number in checkpoints.watch(tmp_path, 0.05):
        found.append(number)
    assert found == []
    saved(tmp_path, 1, 1.0)
    saved(tmp_path, 2, 2.0)
    for number in checkpoints.watch(tmp_path, 0.6):
        found.append(number)
        if number == 2:
            saved(tmp_path, 3, 3.0)
    assert found == [2, 3]
