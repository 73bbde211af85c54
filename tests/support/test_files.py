# SPDX-License-Identifier: Apache-2.0
import dataclasses
import os

import pytest

from recsim_tf.support import files


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "table.csv"
    files.write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        files.write_text(path, "new \ud800")
    assert path.read_text() == "old"
    files.write_text(path, "new")
    assert path.read_text() == "new"
    assert [left.name for left in path.parent.iterdir()] == ["table.csv"]


def test_no_file_is_written_through_a_link(tmp_path):
    precious = tmp_path / "precious.txt"
    precious.write_text("mine")
    for name in ("results.json", "results.json.new", "metrics.jsonl"):
        (tmp_path / name).symlink_to(precious)
    files.write_json(tmp_path / "results.json", {})
    assert (tmp_path / "results.json").read_text() == "{}\n"
    with pytest.raises(OSError, match=r"metrics.jsonl is a link, which is not followed: remove it"):
        files.append_json(tmp_path / "metrics.jsonl", {})
    assert precious.read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {
        *("precious.txt", "results.json", "metrics.jsonl"),
    }


def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "results.json")
    with pytest.raises(ValueError, match=r"results.json is damaged, it is not a file: restore it"):
        files.read_json(tmp_path / "results.json", dict, "restore it")
    with pytest.raises(OSError, match=r"results.json"):
        files.append_json(tmp_path / "results.json", {})


@dataclasses.dataclass
class Record:
    name: str
    steps: int

    def __post_init__(self):
        self.steps = int(self.steps)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b'{"name": "\xe9"}',
        b"[]",
        b'{"name": "a"}',
        b'{"name": "a", "steps": "all"}',
        b'{"name": "a", "steps": 1, "more": 2}',
    ],
)
def test_a_json_file_that_is_no_record_is_one_line_with_its_name(tmp_path, content):
    path = tmp_path / "results.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"restore it$") as raised:
        files.read_json(path, Record, "restore it")
    message = str(raised.value)
    assert message.startswith(f"{path} is damaged")
    assert "\n" not in message


def test_a_json_file_is_read_into_a_record(tmp_path):
    content = {"name": "SlateQ", "steps": 3}
    files.write_json(tmp_path / "results.json", content)
    assert files.read_json(tmp_path / "results.json", Record, "") == Record("SlateQ", 3)
    assert files.read_json(tmp_path / "results.json", dict, "") == content
    with pytest.raises(FileNotFoundError):
        files.read_json(tmp_path / "missing.json", dict, "")


def test_a_last_line_that_is_half_written_counts_as_nothing_and_another_is_told(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"iteration": 0}\n{"iteration": 1}\n{"iter')
    assert files.read_json_lines(path, dict, "") == [{"iteration": 0}, {"iteration": 1}]
    path.write_text('{"iteration": 0}\n{"iter\n{"iteration": 2}\n')
    with pytest.raises(ValueError, match=r"metrics.jsonl, line 2 is damaged .*: x"):
        files.read_json_lines(path, dict, "x")


def test_a_folder_that_cannot_be_replaced_stays(tmp_path, monkeypatch):
    path = tmp_path / "model"
    with files.whole_folder(path) as new:
        (new / "content").write_text("old")

    def fail(*_):
        raise OSError("no")

    def replace():
        with files.whole_folder(path) as new:
            (new / "content").write_text("new")

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", fail)
        with pytest.raises(OSError, match="no"):
            replace()
    assert (path / "content").read_text() == "old"
    replace()
    assert (path / "content").read_text() == "new"
    assert [each.name for each in tmp_path.iterdir()] == ["model"]
