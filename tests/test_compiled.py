"""The folder of compiled programs never ends a process that reads it."""

import atexit
import os
import warnings

import pytest

from recsim_tf import _compiled


@pytest.fixture(name="at_exit")
def fixture_at_exit(monkeypatch):
    """The functions that are registered to run when the process ends."""
    functions = []
    monkeypatch.setattr(atexit, "register", lambda *call: functions.append(call))
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_clustering_debug")
    return functions


def _keep(folder, monkeypatch):
    monkeypatch.setenv("RECSIM_TF_COMPILED", str(folder))
    _compiled.keep_compiled_programs()


def test_programs_with_their_checksum_are_kept(tmp_path, monkeypatch, at_exit):
    folder = tmp_path / "programs"
    _keep(folder, monkeypatch)
    assert os.environ["TF_XLA_FLAGS"] == (
        f"--tf_xla_clustering_debug --tf_xla_persistent_cache_directory={folder}"
    )
    (folder / "kept.pb").write_bytes(b"program")
    ((record, path),) = at_exit
    record(path)
    (folder / "cut.pb").write_bytes(b"")
    (folder / "kept.pb.tmp").write_bytes(b"half")
    with pytest.warns(UserWarning, match=r"programs had 1 programs that were damaged"):
        _keep(folder, monkeypatch)
    assert {each.name for each in folder.iterdir()} == {"kept.pb", "kept.pb.sha256", "kept.pb.tmp"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _keep(folder, monkeypatch)
    (folder / "kept.pb").write_bytes(b"Program")
    with pytest.warns(UserWarning, match=r"are compiled anew$"):
        _keep(folder, monkeypatch)
    assert {each.name for each in folder.iterdir()} == {"kept.pb.tmp"}


@pytest.mark.parametrize(
    ("name", "reason"), [("a b", "its name has a space"), ("file", "File exists")]
)
def test_a_folder_that_cannot_be_used_is_named_and_left_out(
    tmp_path, monkeypatch, at_exit, name, reason
):
    (tmp_path / "file").touch()
    with pytest.warns(UserWarning, match=rf"^RECSIM_TF_COMPILED=.*{name} is not used, .*{reason}"):
        _keep(tmp_path / name, monkeypatch)
    assert os.environ["TF_XLA_FLAGS"] == "--tf_xla_clustering_debug"
    assert not at_exit
