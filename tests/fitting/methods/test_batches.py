# SPDX-License-Identifier: Apache-2.0
"""Sums over a log whose batches are scored side by side."""

import json

import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.fitting import LBFGS, Parameter
from recsim_tf.fitting.methods.exact import Exact
from recsim_tf.fitting.parameters.fitted_simulator import FittedSimulator
from recsim_tf.logs import LogStream, from_trajectory
from tests.fitting.sessions import HAZARD, evolution, rollout
from tests.processes import run_python

PARAMETERS = {"users.choice_model.no_click_mass": Parameter(), "users.step_penalty": Parameter()}


@pytest.fixture(scope="module")
def log():
    return from_trajectory(rollout(evolution(**HAZARD), num_users=11, num_steps=4))


@pytest.mark.slow
@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("in_pieces", [False, True])
def test_sums_do_not_depend_on_the_number_of_cores(monkeypatch, log, jit_compile, in_pieces):
    if in_pieces:
        pieces = [log.take(rows) for rows in ([0, 1, 2, 3, 4], [5, 6], [7, 8, 9, 10])]
        log = LogStream(lambda: pieces)
    fitted = FittedSimulator(evolution(**HAZARD), PARAMETERS)
    likelihood = Exact(jit_compile=jit_compile, search=LBFGS(batch_size=2)).objective(fitted, log)
    expected = likelihood.total()
    for num_cores in (2, 4, 16):
        monkeypatch.setattr(
            tf.config.threading, "get_inter_op_parallelism_threads", lambda number=num_cores: number
        )
        for found, alone in zip(likelihood.total(), expected, strict=True):
            np.testing.assert_array_equal(found, alone)
    fitted.assign_flat(fitted.flat() + 0.1)
    assert likelihood.total()[0] != expected[0]


@pytest.mark.long
def test_batches_side_by_side_keep_their_temporaries_apart():
    """TensorFlow names temporaries of sums by their place in the graph. Two calls at a time would
    take each other's.
    """
    module = "tests.fitting.methods.batches_at_once"
    threads = {"TF_NUM_INTEROP_THREADS": "8", "CUDA_VISIBLE_DEVICES": ""}
    process = run_python("-m", module, **threads)
    assert process.returncode == 0, process.stderr
    found = json.loads(process.stdout)
    np.testing.assert_allclose(found["values"], found["in_turn"], rtol=1e-5)
    first, *others = found["gradients"]
    for gradients in others:
        for gradient, expected in zip(gradients, first, strict=True):
            np.testing.assert_allclose(gradient, expected, rtol=1e-4)
