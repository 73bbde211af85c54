# SPDX-License-Identifier: Apache-2.0
"""Builds what is published from the last commit: `python -m tests.release.build FOLDER`.

Every build of a commit has the same bytes, with the packages of requirements-test.lock and the same
zlib. So it builds twice, in two folders, and compares. The wheel must have each file of the package
that git tracks, and no other.
"""

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

_ROOT = Path(__file__).parents[2]
# The folders at the top that the package has as `recsim_tf/agents` and `recsim_tf/configs`.
_LINKED = ("agents", "configs")
_METADATA = {
    "METADATA",
    "RECORD",
    "WHEEL",
    "entry_points.txt",
    "licenses/LICENSE",
    "top_level.txt",
}


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=_ROOT, check=True, capture_output=True).stdout


def packaged(tracked: Iterable[str]) -> set[str]:
    """The names in the package of those tracked files that belong to it."""
    linked = tuple(f"{folder}/" for folder in _LINKED)
    links = {f"recsim_tf/{folder}" for folder in _LINKED}
    return {
        f"recsim_tf/{name}" if name.startswith(linked) else name
        for name in tracked
        if name.startswith(("recsim_tf/", *linked)) and name not in links
    }


def faults(wheel: Path, expected: set[str]) -> list[str]:
    """The files that a wheel lacks, and those that it should not have."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    information = f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"
    expected = expected | {f"{information}/{name}" for name in _METADATA}
    return [
        *(f"{wheel.name} lacks {name}" for name in sorted(expected - set(names))),
        *(f"{wheel.name} should not have {name}" for name in sorted(set(names) - expected)),
    ]


def normalise(archive: Path, seconds: int) -> None:
    """Writes a .tar.gz anew, in the order of names, without the time, the user and the modes of the
    build.
    """
    with tarfile.open(archive) as old:
        members = [(each, old.extractfile(each)) for each in old.getmembers() if not each.isdir()]
        content = {each.name: file.read() for each, file in members if file is not None}
    with (
        archive.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=seconds) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for name, data in sorted(content.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(data), seconds
            new.addfile(member, io.BytesIO(data))


def build(commit: str, folder: Path, *kinds: str) -> dict[str, Path]:
    """Builds the files of a commit into a folder; the built ones by name. Without a kind it builds
    the wheel from the source distribution.
    """
    seconds = int(_git("log", "-1", "--format=%ct", commit))
    with tempfile.TemporaryDirectory() as source:
        # The modes of the files are those of git, whatever the user's mask is.
        with tarfile.open(
            fileobj=io.BytesIO(_git("-c", "tar.umask=0022", "archive", commit))
        ) as files:
            files.extractall(source, filter="data")
        done = subprocess.run(
            [sys.executable, "-m", "build", "--no-isolation", *kinds, "--outdir", folder, source],
            env={**os.environ, "SOURCE_DATE_EPOCH": str(seconds)},
            umask=0o022,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}")
    for archive in folder.glob("*.tar.gz"):
        normalise(archive, seconds)
    return {path.name: path for path in sorted(folder.iterdir())}


def main(folder: Path) -> None:
    commit = _git("rev-parse", "HEAD").decode().strip()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    built = build(commit, folder)
    with tempfile.TemporaryDirectory() as other:
        again = build(commit, Path(other), "--sdist", "--wheel")
        differing = [
            f"{name} has other bytes when it is built again"
            for name, path in built.items()
            if path.read_bytes() != again[name].read_bytes()
        ]
    (wheel,) = folder.glob("*.whl")
    tracked = _git("ls-tree", "-r", "-z", "--name-only", commit).decode().split("\0")
    wrong = [*differing, *faults(wheel, packaged(tracked))]
    for name, path in built.items():
        print(hashlib.sha256(path.read_bytes()).hexdigest(), f"{name} ({path.stat().st_size:,} B)")
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"Both were built twice from {commit}, and the wheel has every file of the package.")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
