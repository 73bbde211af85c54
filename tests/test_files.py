import json

import pytest

from recsim_tf import files


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "table.csv"
    files.write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        files.write_text(path, "new \ud800")
    assert path.read_text() == "old"
    files.write_text(path, "new")
    assert path.read_text() == "new"
    assert [left.name for left in path.parent.iterdir()] == ["table.csv"]


SHAPE = {
    "name": str,
    "steps": [int],
    "mean": (float, type(None)),
    "own": files.Maybe({str: float}),
}
GOOD = {"name": "SlateQ", "steps": [1, 2], "mean": 1, "more": []}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is not JSON"),
        (b"{", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b'{"name": "\xe9"}', "it is not UTF-8"),
        (b"[]", "the content must be an object, got []"),
        ({"name": "a"}, "the content must have 'steps'"),
        ({**GOOD, "name": None}, "name must be a string, got None"),
        ({**GOOD, "steps": [1, 2.5]}, "steps[1] must be an integer, got 2.5"),
        ({**GOOD, "steps": [True]}, "steps[0] must be an integer, got True"),
        ({**GOOD, "mean": "high"}, "mean must be a number, got 'high'"),
        ({**GOOD, "own": {"a": {}}}, "own.a must be a number, got {}"),
    ],
)
def test_a_json_file_of_another_shape_is_one_line_with_its_name(tmp_path, content, reason):
    path = tmp_path / "results.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(ValueError, match=r"restore it$") as raised:
        files.read_json(path, SHAPE, "restore it")
    message = str(raised.value)
    assert message.startswith(f"{path} is damaged, {reason}")
    assert "\n" not in message


def test_a_json_file_may_hold_more(tmp_path):
    for content in (GOOD, {**GOOD, "own": {"a": 1.5}, "mean": None}):
        files.write_json(tmp_path / "results.json", content)
        assert files.read_json(tmp_path / "results.json", SHAPE, "") == content
    with pytest.raises(FileNotFoundError):
        files.read_json(tmp_path / "missing.json", SHAPE, "")


def test_a_last_line_that_is_half_written_counts_as_nothing_and_another_is_told(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"iteration": 0}\n{"iteration": 1}\n{"iter')
    shape = {"iteration": int}
    assert files.read_json_lines(path, shape, "") == [{"iteration": 0}, {"iteration": 1}]
    path.write_text('{"iteration": 0}\n{"iter\n{"iteration": 2}\n')
    with pytest.raises(ValueError, match=r"metrics.jsonl, line 2 is damaged, it is not JSON .*: x"):
        files.read_json_lines(path, shape, "x")
