# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of several workers, without the workers."""

import contextlib
import types

import pytest
import tensorflow as tf

from recsim_tf.support.errors import UsageError
from recsim_tf.training.checkpoints import TrainingCheckpoints


def _worker(folder, index, num_workers=2):
    """The checkpoints of a worker, and the variable that they hold."""
    strategy = types.SimpleNamespace(num_replicas_in_sync=2, scope=contextlib.nullcontext)
    devices = types.SimpleNamespace(
        strategy=strategy, num_workers=num_workers, index=index, is_chief=index == 0
    )
    variable = tf.Variable(0.0)
    loop, checkpoint = types.SimpleNamespace(variables=[]), tf.train.Checkpoint(x=variable)
    return TrainingCheckpoints(folder, loop, checkpoint, devices, max_to_keep=1), variable


def _save(folder, *iterations):
    """Saves checkpoints of each worker in turn, given by the iterations of each."""
    for index, own in enumerate(iterations):
        worker, variable = _worker(folder, index, len(iterations))
        (folder / f"worker-{index}-of-{len(iterations)}").mkdir()
        for iteration in own:
            variable.assign(float(iteration))
            worker.save(iteration)


def test_workers_go_on_from_the_newest_iteration_that_all_have(tmp_path):
    _save(tmp_path, [10, 20, 30], [10, 20])
    for index in (0, 1):
        worker, variable = _worker(tmp_path, index)
        assert worker.restore() == 20
        assert float(variable) == 20.0


def test_workers_begin_again_where_one_was_lost_before_its_first_checkpoint(tmp_path):
    _save(tmp_path, [10], [])
    assert [_worker(tmp_path, index)[0].restore() for index in (0, 1)] == [None, None]


def test_checkpoints_that_workers_do_not_share_are_refused(tmp_path):
    _save(tmp_path, [10, 20], [])
    with pytest.raises(UsageError, match="has no iteration of which all 2 workers have"):
        _worker(tmp_path, 1)[0].restore()


def test_another_number_of_workers_is_refused(tmp_path):
    _save(tmp_path, [10], [10])
    with pytest.raises(UsageError, match="holds a run of another number of workers than 3, with"):
        _worker(tmp_path, 0, num_workers=3)[0].restore()
