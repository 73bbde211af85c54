# SPDX-License-Identifier: Apache-2.0
"""The folder of compiled programs: nobody's file is lost, and no program ends a process."""

import atexit
import hashlib
import os
import re
import signal
import subprocess
import sys
import warnings

import pytest

from recsim_tf import _compiled

# A message whose only field holds text, and the name that XLA gives to a program.
_CONTENT = b"\x0a\x07program"
_NAME = "xla_compile_cache__12__34__XLA_CPU_JIT.pb"


@pytest.fixture(name="at_exit")
def fixture_at_exit(monkeypatch):
    """The functions that are registered to run when the process ends."""
    functions = []
    monkeypatch.setattr(atexit, "register", lambda *call: functions.append(call))
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_clustering_debug")
    yield functions
    for _, _, _, held, _ in functions:
        held.close()


def _start(folder, monkeypatch):
    """The folder that XLA uses in a process that starts now."""
    monkeypatch.setenv("RECSIM_TF_COMPILED", str(folder))
    _compiled.keep_compiled_programs()
    flag = os.environ["TF_XLA_FLAGS"].split()[-1]
    return folder / "recsim_tf_programs" / flag.split("=")[1].rpartition("/")[2]


def _end(at_exit):
    function, *arguments = at_exit.pop()
    function(*arguments)


def _programs(folder):
    return sorted(path.name for path in folder.glob("*.pb"))


def _snapshot(folder):
    return {
        str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if not path.is_dir()
    }


def test_a_process_reads_the_programs_of_the_processes_before_it(tmp_path, monkeypatch, at_exit):
    process = _start(tmp_path, monkeypatch)
    assert os.environ["TF_XLA_FLAGS"].startswith("--tf_xla_clustering_debug ")
    (process / _NAME).write_bytes(_CONTENT)
    _end(at_exit)
    assert not process.exists()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        process = _start(tmp_path, monkeypatch)
    assert (process / _NAME).read_bytes() == _CONTENT
    _end(at_exit)
    names = {path.name for path in process.parent.iterdir()}
    assert len(names) == 2
    assert "key" in names
    assert process.parent.stat().st_mode & 0o777 == 0o700


def test_files_that_are_no_programs_of_recsim_tf_stay_byte_for_byte(tmp_path, monkeypatch, at_exit):
    thesis = tmp_path / "thesis.docx"
    thesis.write_text("thesis")
    (tmp_path / _NAME).write_bytes(b"the program of another library")
    (tmp_path / f"{_NAME}.sha256").write_text("0")
    store = tmp_path / "recsim_tf_programs"
    (store / "process-notes").mkdir(parents=True)
    (store / "process-elsewhere").symlink_to(tmp_path)
    (store / "process-notes" / _NAME).write_text("notes")
    (store / "link.pb").symlink_to(thesis)
    (store / f"{_NAME}.{'0' * 64}").symlink_to(thesis)
    (store / "other.pb").write_text("other")
    (store / f"{_NAME}.{hashlib.sha256(b'forged').hexdigest()}").write_bytes(b"forged")
    before = _snapshot(tmp_path)
    for _ in range(2):
        with pytest.warns(
            UserWarning, match=r"has 1 programs whose checksums do not fit; they are"
        ):
            process = _start(tmp_path, monkeypatch)
        assert not _programs(process)
        (process / "draft.txt").write_text("draft")
        _end(at_exit)
        assert (process / "draft.txt").read_text() == "draft"
    after = _snapshot(tmp_path)
    assert {name: after[name] for name in before} == before


def test_a_program_is_left_out_after_any_change(tmp_path, monkeypatch, at_exit):
    process = _start(tmp_path, monkeypatch)
    (process / _NAME).write_bytes(_CONTENT)
    _end(at_exit)
    (kept,) = process.parent.glob(f"{_NAME}.*")
    kept.write_bytes(b"\x0a\x07Program")
    with pytest.warns(UserWarning, match=re.escape(f"and may be deleted: {kept}")):
        process = _start(tmp_path, monkeypatch)
    assert not _programs(process)
    # It does not stand in the way of the same program when that is compiled anew.
    (process / _NAME).write_bytes(_CONTENT)
    _end(at_exit)
    assert kept.read_bytes() == _CONTENT


def test_processes_at_once_keep_their_programs(tmp_path, monkeypatch, at_exit):
    first = _start(tmp_path, monkeypatch)
    (first / _NAME).write_bytes(_CONTENT)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second = _start(tmp_path, monkeypatch)
    assert not _programs(second)
    (second / _NAME).write_bytes(b"\x0a\x07PROGRAM")
    later = _NAME.replace("12", "56")
    (second / later).write_bytes(_CONTENT)
    for process in (second, first):
        assert (process / _NAME).is_file()
        _end(at_exit)
    third = _start(tmp_path, monkeypatch)
    assert _programs(third) == [_NAME, later]
    assert (third / _NAME).read_bytes() == _CONTENT
    assert len(list(third.parent.glob(f"{_NAME}.*"))) == 1


@pytest.mark.slow
def test_a_killed_process_keeps_what_it_completed(tmp_path, monkeypatch, at_exit):
    code = (
        "import os, pathlib, signal; from recsim_tf import _compiled;"
        "folder = pathlib.Path(os.environ['TF_XLA_FLAGS'].split('=')[1]);"
        f"(folder / {_NAME!r}).write_bytes({_CONTENT!r});"
        f"(folder / {_NAME.replace('12', '56')!r}).write_bytes({_CONTENT[:-3]!r});"
        f"(folder / {_NAME + '.tmp'!r}).write_bytes(b'half');"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"RECSIM_TF_COMPILED": str(tmp_path), "TF_XLA_FLAGS": ""},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    process = _start(tmp_path, monkeypatch)
    assert _programs(process) == [_NAME]
    # The cut program, the half and the lock of the killed process stay where they were.
    (folder,) = {path.parent for path in tmp_path.rglob("*.tmp")}
    assert len(list(folder.iterdir())) == 3


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a b", "its name has a space"),
        ("file", "File exists"),
        ("taken", r".*/recsim_tf_programs is not a folder"),
        ("shared", "must be owned by this user, and writable by nobody else"),
        ("keyless", "is not a key of 32 bytes"),
    ],
)
def test_a_folder_that_cannot_be_used_is_named_and_left_out(
    tmp_path, monkeypatch, at_exit, name, reason
):
    (tmp_path / "file").touch()
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "recsim_tf_programs").write_text("taken")
    for each in ("shared", "keyless"):
        (tmp_path / each / "recsim_tf_programs").mkdir(parents=True)
    (tmp_path / "shared" / "recsim_tf_programs").chmod(0o777)
    (tmp_path / "keyless" / "recsim_tf_programs" / "key").write_text("a document")
    before = _snapshot(tmp_path)
    monkeypatch.setenv("RECSIM_TF_COMPILED", str(tmp_path / name))
    with pytest.warns(UserWarning, match=rf"^RECSIM_TF_COMPILED=.*{name} is not used, .*{reason}"):
        _compiled.keep_compiled_programs()
    assert os.environ["TF_XLA_FLAGS"] == "--tf_xla_clustering_debug"
    assert not at_exit
    assert _snapshot(tmp_path) == before
