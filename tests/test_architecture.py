# SPDX-License-Identifier: Apache-2.0
"""The tables of rooms in docs/architecture.md, against the imports; and the names of files."""

import ast
import collections
import pathlib
import re
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).parent.parent
_QUOTED = re.compile(r"`([\w./]+)`")
# Root files that settle what is imported, and the names of the package, which users import.
_PRIVATE = {"__init__", "__main__", "_compiled", "_stack", "_tf_agents", "_version"}
# Each environment and each agent has files of the same names.
_ALIKE = ("agents", "recsim_tf/environments")
_MOST_ALIKE = 2
# Worlds are written as users write theirs, who import the whole package too.
_AS_USERS = "worlds"


def _rows(section: str) -> list[list[str]]:
    """The cells of the rows of a section's table, from top to bottom."""
    text = (ROOT / "docs" / "architecture.md").read_text().split(f"\n## {section}\n")[1]
    lines = [line for line in text.split("\n## ")[0].splitlines() if line.startswith("| `")]
    return [line.strip("| ").split(" | ") for line in lines]


def _table() -> dict[str, set[str]]:
    """By room of the product, such as "core", the rooms that it may know; in the order of rows."""
    rooms = _rooms()
    table = {}
    for place, _, *known in _rows("Folders"):
        room = _room(pathlib.Path(place.strip("`")))
        if room in rooms:
            table[room] = set(_QUOTED.findall(*known))
    return table


def _room(path: pathlib.Path) -> str:
    """The folder or module of a file below `recsim_tf`, or the folder `agents`."""
    part = path.parts[1] if path.parts[0] == "recsim_tf" and len(path.parts) > 1 else path.parts[0]
    return part.removesuffix(".py")


def _rooms() -> set[str]:
    return {_room(path) for path in _files()} - _PRIVATE


def _files() -> Iterator[pathlib.Path]:
    """The files of the product, relative to the root."""
    for folder in ("recsim_tf", "agents"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            # `recsim_tf/agents` and `recsim_tf/configs` are links.
            if (ROOT / folder / path.relative_to(ROOT / folder).parts[0]).is_symlink():
                continue
            yield path.relative_to(ROOT)


def _imports(path: pathlib.Path, package: str) -> Iterator[str]:
    """The parts of a package that a file imports something of, also inside functions and for types
    alone; the package itself where it is imported as a whole.
    """
    for name in _modules(path):
        if name == package:
            yield package
        elif name.startswith(f"{package}."):
            yield name.removeprefix(f"{package}.").partition(".")[0]


def _modules(path: pathlib.Path) -> Iterator[str]:
    """The modules that a file imports, or imports names of, also inside functions."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_folder_is_in_the_table():
    assert set(_table()) == _rooms()


def test_a_row_names_only_earlier_rows():
    earlier: set[str] = set()
    for room, known in _table().items():
        assert known <= earlier, room
        earlier.add(room)


def test_a_folder_imports_only_the_folders_that_it_may_know():
    table = _table()
    unknown = [
        f"{path} imports {room}"
        for path in _files()
        if _room(path) in table
        for room in _imports(path, "recsim_tf")
        if room not in table[_room(path)] | {_room(path)} | _PRIVATE
        if (_room(path), room) != (_AS_USERS, "recsim_tf")
    ]
    assert not unknown


def test_a_folder_may_know_only_what_it_knows():
    """What no file of a folder imports does not stand in its row."""
    imported = collections.defaultdict(set)
    for path in _files():
        imported[_room(path)].update(_imports(path, "recsim_tf"))
    for room, known in _table().items():
        assert not known - imported[room], room


def test_a_room_of_core_imports_only_earlier_ones():
    order = [pathlib.Path(place.strip("`")).stem for place, _ in _rows("Core")]
    files = [path for path in _files() if _room(path) == "core"]
    rooms = {path: pathlib.Path(path.parts[2]).stem for path in files}
    assert {*order, "__init__"} == set(rooms.values())
    upward = [
        f"{path} imports {room}"
        for path in files
        if rooms[path] != "__init__"
        for room in _imports(path, "recsim_tf.core")
        if room not in order[: order.index(rooms[path]) + 1]
    ]
    assert not upward


def test_few_files_have_the_same_name():
    """Environments and agents are left out: the files of each are named alike."""
    places = collections.defaultdict(list)
    for path in _files():
        if path.name != "__init__.py" and not path.as_posix().startswith(_ALIKE):
            places[path.name].append(str(path))
    assert not [paths for paths in places.values() if len(paths) > _MOST_ALIKE]


def test_no_file_calls_functions_from_a_pool_of_threads():
    """Calls of a `tf.function` from several threads fail by chance: see
    tests/fitting/likelihood/test_batches.py. `side_by_side` uses all cores instead.
    """
    pools = ("concurrent", "multiprocessing.pool", "multiprocessing.dummy")
    users = [
        f"{path} imports {name}"
        for path in _files()
        for name in _modules(path)
        if f"{name}.".startswith(tuple(f"{pool}." for pool in pools))
    ]
    assert not users
