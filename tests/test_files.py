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
