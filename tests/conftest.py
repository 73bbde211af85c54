# SPDX-License-Identifier: Apache-2.0
"""Settings of the test session, made before TensorFlow is imported."""

import gc
import importlib.util
import os
import sys
from importlib import metadata
from pathlib import Path

import gin
import pytest

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# To compile takes longer than what is compiled runs. An older XLA ends the process for a flag that
# it does not know.
os.environ["XLA_FLAGS"] = " ".join(
    [
        os.environ.get("XLA_FLAGS", ""),
        "--xla_backend_optimization_level=0",
        *(
            ["--xla_cpu_use_fusion_emitters=false", "--xla_cpu_parallel_codegen_split_count=1"]
            if metadata.version("tensorflow").startswith("2.21.")
            else []
        ),
    ]
)
# Test processes, and those that they start, run side by side: one thread each.
os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}

import tensorflow as tf

# Before a test imports TF-Agents.
import recsim_tf.agents  # noqa: F401

# Recipes are a package beside the examples, whose scripts are named like what they show.
_RECIPES = Path(__file__).parents[1] / "examples" / "recipes" / "__init__.py"
_SPEC = importlib.util.spec_from_file_location("recipes", _RECIPES)
sys.modules["recipes"] = importlib.util.module_from_spec(_SPEC)
# The scripts of docs are no package.
sys.path.append(str(Path(__file__).parents[1] / "docs"))
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
# Graphs are many objects that live long: looking through them for garbage takes a twentieth of the
# time.
gc.set_threshold(200_000, 50, 1000)


def pytest_collection_modifyitems(items):
    """Marks long tests as slow. Files whose tests start processes come first: the last to end are
    then short ones, and no core is idle for long.
    """
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker("slow")
    slow = ("tests/experiment/", "tests/training/", "tests/evaluation/", "tests/test_cli.py")
    items.sort(key=lambda item: not item.nodeid.startswith(slow))


@pytest.fixture(autouse=True)
def _seeded_networks():
    """Makes networks, whose first weights Keras draws, the same in every run of a test."""
    tf.keras.utils.set_random_seed(1)


@pytest.fixture(autouse=True)
def _without_gin_bindings():
    """Keeps the bindings that one test parses from the next."""
    yield
    gin.clear_config()
