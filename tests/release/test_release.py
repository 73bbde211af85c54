# SPDX-License-Identifier: Apache-2.0
"""What a release owes: reasons against it, the files of the wheel, the same bytes, licences."""

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.release import build
from tests.release_check import reasons

_ROOT = Path(__file__).parents[2]
_LICENCE = "# SPDX-License-Identifier: Apache-2.0"
_CODE = ("agents", "configs", "tests", "benchmarks", "docs", "setup.py")
_CHECKED = ("CHANGELOG.md", "CITATION.cff", "pyproject.toml", "recsim_tf/_version.py")


@pytest.fixture
def checkout(tmp_path) -> Path:
    """The files of this checkout that the check reads, ready for a release."""
    (tmp_path / "recsim_tf").mkdir()
    for name in _CHECKED:
        shutil.copy(_ROOT / name, tmp_path / name)
    (tmp_path / "recsim_tf/_version.py").write_text('"""Doc."""\n\n__version__ = "2.3.4"\n')
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## [2.3.4] - 2031-02-03\n")
    settings = re.sub(
        r'^repository = ".*"\ncontact = ".*"$',
        'repository = "https://host.example/owner/name"\ncontact = "authors@host.example"',
        (tmp_path / "pyproject.toml").read_text(),
        flags=re.M,
    )
    (tmp_path / "pyproject.toml").write_text(settings)
    (tmp_path / "CITATION.cff").write_text(
        "version: 2.3.4\ndate-released: 2031-02-03\n"
        "repository-code: https://host.example/owner/name\n"
    )
    return tmp_path


def test_a_complete_checkout_may_be_released(checkout):
    assert reasons(checkout) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        ("pyproject.toml", "https://host.example/owner/name", "", "tool.recsim_tf.repository must"),
        ("pyproject.toml", "authors@host.example", "", "tool.recsim_tf.contact must"),
        ("CHANGELOG.md", " - 2031-02-03", "", "a section of version 2.3.4"),
        ("CITATION.cff", "version: 2.3.4", "version: 2.3.3", "CITATION.cff: version must be 2.3.4"),
        ("CITATION.cff", "02-03", "02-04", "CITATION.cff: date-released must be 2031-02-03"),
        ("CITATION.cff", "host.example", "x.example", "repository-code must be https://host.exam"),
    ],
)
def test_each_gap_is_a_line(checkout, file, old, new, reason):
    text = (checkout / file).read_text()
    assert old in text
    (checkout / file).write_text(text.replace(old, new))
    lines = reasons(checkout)
    assert any(reason in line for line in lines), lines
    assert all("\n" not in line for line in lines)


def test_the_wheel_has_what_git_tracks_and_nothing_else(tmp_path):
    expected = build.packaged(
        ["recsim_tf/a.py", "recsim_tf/agents", "agents/b.py", "configs/c.gin", "docs/d.md"]
    )
    assert expected == {"recsim_tf/a.py", "recsim_tf/agents/b.py", "recsim_tf/configs/c.gin"}
    wheel = tmp_path / "recsim_tf-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "top_level.txt"):
            archive.writestr(f"recsim_tf-1.dist-info/{name}", "")
        archive.writestr("recsim_tf-1.dist-info/licenses/LICENSE", "")
        for name in ("recsim_tf/a.py", "recsim_tf/agents/b.py", "recsim_tf/stray.py"):
            archive.writestr(name, "")
    assert build.faults(wheel, expected) == [
        f"{wheel.name} lacks recsim_tf/configs/c.gin",
        f"{wheel.name} should not have recsim_tf/stray.py",
    ]


@pytest.mark.slow
def test_a_build_is_repeated_to_the_byte(tmp_path, capsys):
    build.main(tmp_path / "dist")
    assert len(re.findall(r"^[0-9a-f]{64} recsim_tf-", capsys.readouterr().out, re.M)) == 2


def test_workflows_take_actions_by_their_commits_and_may_read_alone():
    for workflow in (_ROOT / ".github/workflows").glob("*.yml"):
        text = workflow.read_text(encoding="utf-8")
        assert "\npermissions:\n  contents: read\n" in text, workflow.name
        for action in re.findall(r"uses: (.*)", text):
            assert re.fullmatch(r"\S+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


def test_locks_have_hashes():
    for lock in ("requirements.lock", "requirements-test.lock"):
        entries = re.split(r"^(?=\S)", (_ROOT / lock).read_text(encoding="utf-8"), flags=re.M)[1:]
        assert [each for each in entries if "--hash=sha256:" not in each] == []


def test_each_file_of_code_names_its_licence():
    """But for empty ones, and for examples, which readers make their own."""
    command = ["git", "ls-files", "recsim_tf", *_CODE]
    names = subprocess.run(command, cwd=_ROOT, check=True, capture_output=True, text=True).stdout
    files = [_ROOT / name for name in names.split() if name.endswith((".py", ".sh"))]
    assert files
    text = {file: file.read_text(encoding="utf-8") for file in files if file.exists()}
    assert [
        str(file.relative_to(_ROOT))
        for file, content in text.items()
        if content and _LICENCE not in content.split("\n", 2)[:2]
    ] == []
