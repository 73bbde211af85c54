"""The table of folders in docs/architecture.md, against the imports."""

import ast
import pathlib
import re
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).parent.parent
_QUOTED = re.compile(r"`([\w./]+)`")
_EVERYTHING = "everything"


def _table() -> dict[str, set[str] | None]:
    """By room, such as "core", the rooms that it may know; None for all of them."""
    section = (ROOT / "docs" / "architecture.md").read_text().split("## Folders")[1]
    rows = [line.split("|") for line in section.split("\n## ")[0].splitlines() if "`" in line]
    return {
        _room(pathlib.Path(place)): (
            None if _EVERYTHING in cells[3] else set(_QUOTED.findall(cells[3]))
        )
        for cells in rows
        if len(cells) == 5
        for place in _QUOTED.findall(cells[1])
    }


def _room(path: pathlib.Path) -> str:
    """The folder or module of a file below `recsim_tf`, or the folder `agents`."""
    part = path.parts[1] if path.parts[0] == "recsim_tf" and len(path.parts) > 1 else path.parts[0]
    return part.removesuffix(".py")


def _files() -> Iterator[pathlib.Path]:
    """Of the product, relative to the root."""
    for folder in ("recsim_tf", "agents"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            # `recsim_tf/agents` and `recsim_tf/configs` are links.
            if (ROOT / folder / path.relative_to(ROOT / folder).parts[0]).is_symlink():
                continue
            yield path.relative_to(ROOT)


def _imports(path: pathlib.Path) -> Iterator[str]:
    """The rooms that a file imports something of, also inside functions."""
    for name in _modules(path):
        package, _, rest = name.partition(".")
        if package == "recsim_tf" and rest:
            yield rest.partition(".")[0]


def _modules(path: pathlib.Path) -> Iterator[str]:
    """The modules that a file imports, or imports names of, also inside functions."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_folder_is_in_the_table():
    private = {"__init__", "__main__", "_stack", "_version"}
    assert {_room(path) for path in _files()} - private <= set(_table())


def test_a_folder_imports_only_the_folders_that_it_may_know():
    table, rooms = _table(), {_room(path) for path in _files()}
    unknown = [
        f"{path} imports {room}"
        for path in _files()
        if (known := table.get(_room(path))) is not None
        for room in _imports(path)
        if room in rooms and room not in known | {_room(path), "_stack", "_version"}
    ]
    assert not unknown


def test_a_folder_may_know_only_what_it_knows():
    """What no file of a folder imports does not stand in its row."""
    imported: dict[str, set[str]] = {}
    for path in _files():
        imported.setdefault(_room(path), set()).update(_imports(path))
    rooms = {_room(path) for path in _files()}
    for room, known in _table().items():
        if known is not None and room in imported:
            assert not (known & rooms) - imported[room], room


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
