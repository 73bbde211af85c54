# SPDX-License-Identifier: Apache-2.0
"""The two reports of parity in docs/reports: the features of RecSim and of RecSim NG, each with its
place in the code and a test that exists; and the page of those who come from them.
"""

import pathlib
import re

import gin
import pytest

from recsim_tf.experiment import config
from recsim_tf.training import Training

ROOT = pathlib.Path(__file__).parent.parent
# By page: how many features there are.
PAGES = {"reports/recsim_parity": 90, "reports/recsim_ng_parity": 108}
_MIGRATION = "coming_from_recsim"
# The last cell of a row begins with one of these where not all of the feature is there. What is not
# there at all may have neither place nor test.
_NOT_THERE = "deliberately not"
_STATES = ("partly", _NOT_THERE)
_ROW = re.compile(r"^\| (\d+) \|(.*)\|$", re.MULTILINE)
_COUNT = re.compile(r"^\| ([a-z ]+) \| (\d+) \|", re.MULTILINE)
_QUOTED = re.compile(r"`([^`]+)`")


_BINDING = re.compile(r"^\w+\.\w+( = .+)?$")
_EXAMPLE = re.compile(r"^```gin\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _text(page: str) -> str:
    return (ROOT / "docs" / f"{page}.md").read_text()


def _rows(page: str) -> list[tuple[int, list[str]]]:
    return [
        (int(number), [cell.strip() for cell in cells.split("|")])
        for number, cells in _ROW.findall(_text(page))
    ]


def _state(remark: str) -> str | None:
    return next((state for state in _STATES if remark.startswith(f"{state}: ")), None)


def _quoted(page: str, column: int) -> list[tuple[int, list[str]]]:
    """What is quoted in a cell of each row; rows of what is not there may have "none"."""
    return [
        (number, _QUOTED.findall(cells[column]))
        for number, cells in _rows(page)
        if _state(cells[3]) != _NOT_THERE or cells[column] != "none"
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


@pytest.mark.parametrize("page", PAGES)
def test_there_is_a_row_for_each_feature_and_no_cell_of_it_is_empty(page):
    rows = _rows(page)
    assert [number for number, _ in rows] == list(range(1, PAGES[page] + 1))
    assert [number for number, cells in rows if len(cells) != 4 or not all(cells)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_place_exists(page):
    """A place is `file: name, name`: the names are defined or mentioned in the file; a folder has
    no names.
    """
    found = _quoted(page, 1)
    assert [number for number, places in found if not places] == []
    assert [
        (number, place) for number, places in found for place in places if not _is_place(place)
    ] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_test_exists(page):
    """A test is `file::name`, or `file` for all of it."""
    found = _quoted(page, 2)
    assert [number for number, tests in found if not tests] == []
    assert [(number, test) for number, tests in found for test in tests if not _is_test(test)] == []


def test_the_rows_of_recsim_ng_are_counted_by_whether_they_are_there():
    states = [_state(cells[3]) or "anything else" for _, cells in _rows("reports/recsim_ng_parity")]
    counts = {
        state: int(number) for state, number in _COUNT.findall(_text("reports/recsim_ng_parity"))
    }
    assert counts == {state: states.count(state) for state in ("anything else", *_STATES)}


def test_every_gin_name_is_known():
    """The second column of the table of names holds bindings, with or without a value, beside flags
    of the command.
    """
    table = _text(_MIGRATION).split("| RecSim | recsim_tf | remark |")[1].split("\n\n")[0]
    names = [
        name for line in table.splitlines()[2:] for name in _QUOTED.findall(line.split("|")[2])
    ]
    bindings = [name for name in names if _BINDING.match(name)]
    assert len(bindings) > 40
    assert [name for name in names if name not in bindings and not name.startswith("--")] == []
    gin.parse_config([f"{name} = None" for name in bindings if " = " not in name])
    config.load([], [name for name in bindings if " = " in name])


@pytest.mark.slow
def test_the_example_is_built():
    (example,) = _EXAMPLE.findall(_text(_MIGRATION))
    config.load([], [example, "experiment.num_users = 2", "Iteration.replay_length = 5"])
    parts = Training()
    assert (parts.simulator.slate_size, parts.agent.name) == (2, "SlateQ")
