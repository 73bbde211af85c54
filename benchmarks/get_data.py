# SPDX-License-Identifier: Apache-2.0
"""Two public data sets from the Python packages that contain them, into an ignored folder; `make
data`.

    python benchmarks/get_data.py [--data_dir=data]

It needs pip alone, and skips what is there already. Packages are downloaded without their
dependencies and checked by their SHA-256; only the data is unpacked, nothing is installed.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

_DOWNLOAD = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:")


class DataSet(NamedTuple):
    """A folder of files inside a package."""

    name: str  # the folder that it is unpacked to
    package: str  # requirement of one exact version
    sha256: str  # of the package's wheel
    prefix: str  # the folder within the wheel
    suffixes: tuple[str, ...]  # of the files that are taken
    terms: str  # licence and citation


DATA_SETS = (
    DataSet(
        name="obd",
        package="obp==0.4.1",
        sha256="87dec9caf4283c25ab13036532e0a24566f1c7bdcad1653a8ded43b2f5ef8208",
        prefix="obp/dataset/obd/",
        suffixes=(".csv",),
        terms="""Open Bandit Dataset, sample of 10,000 impressions for each of 3 campaigns and 2
policies; (c) ZOZO, Inc.
Licence: Creative Commons Attribution 4.0 (CC BY 4.0). The package obp, which contains it,
is under the Apache License 2.0.
Cite: Saito, Aihara, Matsutani, Narita (2020). Open Bandit Dataset and Pipeline: Towards
Realistic and Reproducible Off-Policy Evaluation. arXiv 2008.07146.
""",
    ),
    DataSet(
        name="ml-100k",
        package="recbole==1.2.1",
        sha256="9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
        prefix="recbole/dataset_example/ml-100k/",
        suffixes=(".inter", ".item", ".user"),
        terms="""MovieLens-100K; GroupLens Research Project at the University of Minnesota. No open
licence, but GroupLens' terms of use:
- It may be used for research, without any guarantee of its correctness or fitness.
- Do not state or imply an endorsement by the University of Minnesota or GroupLens; acknowledge
  the data set in publications.
- Do not redistribute it without separate permission.
- No commercial or revenue-bearing use without first obtaining permission from GroupLens.
The package recbole, which contains it, is under the MIT License.
Cite: Harper, Konstan (2015). The MovieLens Datasets: History and Context. ACM
Transactions on Interactive Intelligent Systems 5(4), 19.
""",
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data_dir", type=Path, default=Path("data"), help="Folder of the data sets."
    )
    folder = parser.parse_args().data_dir
    for data_set in DATA_SETS:
        target = folder / data_set.name
        if target.is_dir():
            print(f"{target} is there already.")
        else:
            try:
                fetch(data_set, folder)
            except (OSError, ValueError) as error:
                sys.exit(f"{data_set.package}: {error}")
            print(f"{target} is new, from the package {data_set.package}.")
        print(data_set.terms)


def fetch(data_set: DataSet, folder: Path) -> None:
    """Downloads a data set into `folder/name`, which appears whole or not at all.

    Raises:
      OSError: if the folder cannot be written.
      ValueError: if pip cannot download the package, or it is not the one that was known, or lacks
        the data.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Beside the data, so that renaming is one step.
    with tempfile.TemporaryDirectory(
        prefix=".unfinished-", dir=folder, ignore_cleanup_errors=True
    ) as name:
        work = Path(name)
        if subprocess.run(
            [*_DOWNLOAD, "--dest", str(work), data_set.package], check=False
        ).returncode:
            raise ValueError("pip could not download it, for the reason that it has told")
        wheels = list(work.glob("*.whl"))
        if len(wheels) != 1:
            raise ValueError(f"must be one wheel, got {len(wheels)}")
        unpack(data_set, wheels[0], work / "unpacked")
        (work / "unpacked").rename(folder / data_set.name)


def unpack(data_set: DataSet, wheel: Path, target: Path) -> None:
    """Checks a wheel and unpacks the data in it, with its terms as `TERMS.txt`.

    Raises:
      ValueError: if the wheel is not the one that was known, or lacks the data.
    """
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != data_set.sha256:
        raise ValueError(f"the wheel must have SHA-256 {data_set.sha256}, got {digest}")
    with zipfile.ZipFile(wheel) as archive:
        names = [
            name
            for name in archive.namelist()
            if name.startswith(data_set.prefix) and name.endswith(data_set.suffixes)
        ]
        if not names:
            raise ValueError(f"the wheel must have files under {data_set.prefix}, got none")
        for name in names:
            path = target / name.removeprefix(data_set.prefix)
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as source, path.open("wb") as sink:
                shutil.copyfileobj(source, sink)
    (target / "TERMS.txt").write_text(data_set.terms, encoding="utf-8")


if __name__ == "__main__":
    main()
