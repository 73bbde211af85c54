# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pandas as pd
import pytest

from recsim_tf.support.outputs import write_files, write_folder, write_shared_file


def _fail(folder):
    (folder / "half").touch()
    raise OSError("no room")


def test_contents_of_each_kind_are_files_in_their_order_until_one_fails(tmp_path):
    files = {
        "page.html": "a page",
        "image.png": b"pixels",
        "none.csv": None,
        "table.csv": pd.DataFrame({"return": [0.5]}),
        "draws.npz": {"users.gain": np.ones([2, 3])},
        "policy": lambda folder: (folder / "weights").write_text("1"),
        "results.json": {"sessions": 3},
        "failing": _fail,
        "last.txt": "",
    }
    with pytest.raises(OSError, match="no room"):
        write_files(tmp_path, files)
    written = [*list(files)[:2], *list(files)[3:7]]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(written)
    assert (tmp_path / "page.html").read_text() == "a page"
    assert (tmp_path / "image.png").read_bytes() == b"pixels"
    assert (tmp_path / "table.csv").read_text() == "return\n0.5\n"
    assert np.load(tmp_path / "draws.npz")["users.gain"].shape == (2, 3)
    assert (tmp_path / "policy" / "weights").read_text() == "1"
    assert json.loads((tmp_path / "results.json").read_text()) == {"sessions": 3}


def test_a_new_folder_has_all_of_its_files_or_is_not_there(tmp_path):
    path = tmp_path / "shown"
    with pytest.raises(OSError, match="no room"):
        write_folder(path, {"page.html": "a page", "failing": _fail})
    assert list(tmp_path.iterdir()) == []
    assert write_folder(path, {"page.html": "first"}) == path
    assert write_folder(path, {"page.html": "second"}, numbered=True) == tmp_path / "shown-2"
    with pytest.raises(FileExistsError, match="shown exists, name a new folder"):
        write_folder(path, {"page.html": "third"})
    assert (path / "page.html").read_text() == "first"
    write_shared_file(path / "page.html", "fourth")
    assert [file.name for file in path.iterdir()] == ["page.html"]
    assert (path / "page.html").read_text() == "fourth"
