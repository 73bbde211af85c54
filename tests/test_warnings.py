# SPDX-License-Identifier: Apache-2.0
"""What cells of a notebook print that are run again and again."""

import logging

import pytest
import tensorflow as tf

from recsim_tf import fitting, logs
from tests.worlds.clicks import clicks

# So many new traces of one function TensorFlow warns of.
_RUNS = 5
_SHORT = fitting.LBFGS(max_iterations=2)


class _Records(logging.Handler):
    """Keeps what is logged."""

    def __init__(self):
        super().__init__()
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())


@pytest.mark.slow
def test_cells_that_run_again_let_tensorflow_warn_of_nothing():
    records = _Records()
    tf.get_logger().addHandler(records)
    try:
        simulator = clicks()
        for seed in range(_RUNS):
            log = logs.simulated_log(simulator, num_sessions=20, num_steps=2, seed=seed)
            mass = {"users.no_click_mass": fitting.Parameter(0.5)}
            fitting.fit(simulator, mass, log, method=fitting.Exact(search=_SHORT, uncertainty=None))
    finally:
        tf.get_logger().removeHandler(records)
    assert records.texts == []
