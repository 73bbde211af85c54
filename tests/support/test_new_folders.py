# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import threading

import pytest

from recsim_tf.support.new_folders import publish, require_new, sweep, unfinished_folder


def test_none_of_two_that_write_at_the_same_moment_is_lost(tmp_path):
    barrier = threading.Barrier(2)

    def write(number):
        barrier.wait()
        with unfinished_folder(tmp_path / "shown") as folder:
            (folder / "page").write_text(str(number))
            barrier.wait()
            return publish(folder, tmp_path / "shown", numbered=True)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        written = list(pool.map(write, range(200)))
    assert sorted(tmp_path.iterdir()) == sorted(written)
    assert len(set(written)) == 200
    assert [int((folder / "page").read_text()) for folder in written] == list(range(200))


def test_a_folder_with_something_in_it_is_not_new(tmp_path):
    require_new(tmp_path / "new")
    (tmp_path / "folder").mkdir()
    require_new(tmp_path / "folder")
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(FileExistsError, match=r"^folder must be new or empty, got"):
            require_new(path)


def _folder_of_the_users(path):
    path.mkdir()
    (path / "precious.txt").touch()


@pytest.mark.parametrize(
    "make", [_folder_of_the_users, lambda path: path.touch(), lambda path: path.symlink_to("there")]
)
def test_what_came_into_being_meanwhile_is_kept(tmp_path, make):
    path = tmp_path / "new"
    (tmp_path / "there").mkdir()
    with unfinished_folder(path) as folder:
        make(path)
        before = path.lstat()
        with pytest.raises(FileExistsError, match=r"new exists, name a new folder$"):
            publish(folder, path)
    assert path.lstat() == before
    assert {each.name for each in tmp_path.iterdir()} == {"new", "there"}


def _folders(path):
    return {each for each in path.iterdir() if each.is_dir()}


def test_what_a_killed_process_left_is_removed_and_what_another_writes_is_not(tmp_path):
    left = tmp_path / "shown.0123abcd.new"
    left.mkdir()
    (left / "page").touch()
    (tmp_path / "shown.0123abcd.lock.new").touch()
    (tmp_path / "shown.4567cdef.lock.new").touch()
    mine = tmp_path / "shown.draft.new"
    mine.mkdir()
    with unfinished_folder(tmp_path / "shown") as first:
        (first / "page.new").touch()
        assert _folders(tmp_path) == {first, mine}
        with unfinished_folder(tmp_path / "shown") as second:
            assert _folders(tmp_path) == {first, second, mine}
        sweep(tmp_path)
        assert _folders(tmp_path) == {first}
        assert (first / "page.new").exists()
        publish(first, tmp_path / "shown")
    assert [path.name for path in tmp_path.iterdir()] == ["shown"]
