"""Settings of the test session, made before TensorFlow is imported."""

import os

import gin
import pytest

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

# Test processes run side by side: one thread each.
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)


def pytest_collection_modifyitems(items):
    """Files whose tests start processes come first: the last to end are then short ones, and no core is idle for long."""
    slow = ("tests/experiment/", "tests/benchmarks/", "tests/test_cli.py")
    items.sort(key=lambda item: not item.nodeid.startswith(slow))


@pytest.fixture(autouse=True)
def _without_gin_bindings():
    """Keeps the bindings that one test parses from the next."""
    yield
    gin.clear_config()
