"""The studies of `benchmarks/fitting.py`, one a module."""

import pathlib
import sys

# Studies of public logs have the models of `examples/recipes`.
sys.path.append(str(pathlib.Path(__file__).parents[2] / "examples"))
