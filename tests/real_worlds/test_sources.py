"""Worlds are written as users write theirs: short, and by public names alone."""

import ast
import importlib
from pathlib import Path

import pytest

from recsim_tf import worlds

FOLDER = Path(worlds.__file__).parent
WORLDS = sorted(path.name for path in FOLDER.glob("*.py") if path.name != "__init__.py")
LONGEST = 126


def test_there_are_three():
    assert WORLDS == ["feed.py", "returns.py", "shelf.py"]


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_is_short(name):
    assert len((FOLDER / name).read_text().splitlines()) <= LONGEST


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_uses_public_names_alone(name):
    tree, used = ast.parse((FOLDER / name).read_text()), []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("recsim_tf"):
            used += [(node.module, alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            inner = [each.name for each in node.names if each.name.startswith("recsim_tf.")]
            assert not inner
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            used += [("recsim_tf", node.attr)] if node.value.id == "recsim_tf" else []
    assert used
    private = [
        f"{module}.{name}"
        for module, name in used
        if name not in importlib.import_module(module).__all__
    ]
    assert not private
