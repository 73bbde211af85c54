# SPDX-License-Identifier: Apache-2.0
"""Worlds are written as users write theirs: short, and by public names alone."""

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORLDS = [
    "recsim_tf/worlds/feed.py",
    "examples/recipes/returns.py",
    "examples/recipes/shelf.py",
]
LONGEST = 130


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_is_short(name):
    assert len((ROOT / name).read_text().splitlines()) <= LONGEST


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_uses_public_names_alone(name):
    tree, used = ast.parse((ROOT / name).read_text()), []
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
