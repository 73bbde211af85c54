# SPDX-License-Identifier: Apache-2.0
import hashlib
import subprocess
import zipfile

import pytest

from benchmarks import get_data

FILES = {
    "obp/dataset/obd/random/men/men.csv": "a,b\n",
    "obp/dataset/obd/.DS_Store": "x",
    "obp/other.csv": "c\n",
}


@pytest.fixture
def known(tmp_path, monkeypatch):
    """A data set in a wheel that pip "downloads"."""
    wheel = tmp_path / "obp-0.4.1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)

    def download(command, check):
        assert "--no-deps" in command
        destination = command[command.index("--dest") + 1]
        (get_data.Path(destination) / wheel.name).write_bytes(wheel.read_bytes())
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", download)
    return get_data.DATA_SETS[0]._replace(sha256=hashlib.sha256(wheel.read_bytes()).hexdigest())


def test_data_alone_is_unpacked_with_its_terms(known, tmp_path):
    get_data.fetch(known, tmp_path / "data")
    files = {
        str(path.relative_to(tmp_path / "data"))
        for path in (tmp_path / "data").rglob("*")
        if path.is_file()
    }
    assert files == {"obd/random/men/men.csv", "obd/TERMS.txt"}
    assert "CC BY 4.0" in (tmp_path / "data/obd/TERMS.txt").read_text()


def test_nothing_is_left_of_a_package_that_is_not_the_known_one(known, tmp_path):
    with pytest.raises(ValueError, match="the wheel must have SHA-256 0, got"):
        get_data.fetch(known._replace(sha256="0"), tmp_path / "data")
    with pytest.raises(ValueError, match="the wheel must have files under nowhere/, got none"):
        get_data.fetch(known._replace(prefix="nowhere/"), tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []


def test_nothing_is_left_where_pip_fails(known, tmp_path, monkeypatch):
    monkeypatch.setattr(
        subprocess, "run", lambda command, check: subprocess.CompletedProcess(command, 1)
    )
    with pytest.raises(ValueError, match="pip could not download it"):
        get_data.fetch(known, tmp_path / "data")
    assert list((tmp_path / "data").iterdir()) == []
