"""docs/recsim_parity.md: the features of RecSim, each with its place in the code and a test that
exists.
"""

import pathlib
import re

import gin

from recsim_tf.experiment import config
from recsim_tf.experiment.training.parts import experiment

ROOT = pathlib.Path(__file__).parent.parent
_ROW = re.compile(r"^\| (\d+) \|(.*)\|$", re.MULTILINE)
_QUOTED = re.compile(r"`([^`]+)`")


_BINDING = re.compile(r"^\w+\.\w+( = .+)?$")
_EXAMPLE = re.compile(r"^```gin\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _text() -> str:
    return (ROOT / "docs" / "recsim_parity.md").read_text()


def _rows() -> list[tuple[int, list[str]]]:
    return [
        (int(number), [cell.strip() for cell in cells.split("|")])
        for number, cells in _ROW.findall(_text())
    ]


def _is_place(place: str) -> bool:
    path, _, names = place.partition(": ")
    if not names:
        return (ROOT / path).exists()
    return (ROOT / path).is_file() and all(
        re.search(rf"\b{re.escape(name)}\b", (ROOT / path).read_text())
        for name in names.split(", ")
    )


def _is_test(test: str) -> bool:
    path, _, name = test.partition("::")
    if not path.startswith("tests/") or not (ROOT / path).is_file():
        return False
    return bool(
        re.search(rf"^def {name or 'test_[a-z]+.*'}\(", (ROOT / path).read_text(), re.MULTILINE)
    )


def test_there_is_a_row_for_each_of_the_90_features_and_no_cell_of_it_is_empty():
    rows = _rows()
    assert [number for number, _ in rows] == list(range(1, 91))
    assert [number for number, cells in rows if len(cells) != 4 or not all(cells)] == []


def test_every_place_exists():
    """A place is `file: name, name`: the names are defined or mentioned in the file; a folder has
    no names.
    """
    found = [(number, _QUOTED.findall(places)) for number, (_, places, _, _) in _rows()]
    assert [number for number, places in found if not places] == []
    assert [
        (number, place) for number, places in found for place in places if not _is_place(place)
    ] == []


def test_every_test_exists():
    """A test is `file::name`, or `file` for all of it."""
    found = [(number, _QUOTED.findall(tests)) for number, (_, _, tests, _) in _rows()]
    assert [number for number, tests in found if not tests] == []
    assert [(number, test) for number, tests in found for test in tests if not _is_test(test)] == []


def test_every_gin_name_is_known():
    """The second column of the table of names holds bindings, with or without a value, beside flags
    of the command.
    """
    table = _text().split("| RecSim | recsim_tf | remark |")[1]
    names = [
        name for line in table.splitlines()[2:] for name in _QUOTED.findall(line.split("|")[2])
    ]
    bindings = [name for name in names if _BINDING.match(name)]
    assert len(bindings) > 40
    assert [name for name in names if name not in bindings and not name.startswith("--")] == []
    gin.parse_config([f"{name} = None" for name in bindings if " = " not in name])
    config.load([], [name for name in bindings if " = " in name])


def test_the_example_is_built():
    (example,) = _EXAMPLE.findall(_text())
    config.load([], [example, "experiment.num_users = 2", "experiment.replay_length = 5"])
    parts = experiment()
    assert (parts.simulator.slate_size, parts.agent.name) == (2, "SlateQ")
