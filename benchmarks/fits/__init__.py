# SPDX-License-Identifier: Apache-2.0
"""The studies of `benchmarks/fitting.py`, one a module."""

import importlib.util
import pathlib
import sys

# Studies of public logs have the models of `examples/recipes`.
_RECIPES = pathlib.Path(__file__).parents[2] / "examples" / "recipes" / "__init__.py"
if "recipes" not in sys.modules:
    _SPEC = importlib.util.spec_from_file_location("recipes", _RECIPES)
    sys.modules["recipes"] = importlib.util.module_from_spec(_SPEC)
