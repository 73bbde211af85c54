# SPDX-License-Identifier: Apache-2.0
"""TensorFlow keeps variables of int32 on the host of a GPU, where XLA cannot read them."""

import gin
import pytest
import tensorflow as tf

from recsim_tf.experiment import config
from recsim_tf.training import Training
from tests.processes import run_python

pytestmark = pytest.mark.slow

# Dtypes of variables that TensorFlow 2.21 can place on a GPU, of its kernels of VarHandleOp.
_ON_GPU = {
    *(tf.bool, tf.bfloat16, tf.half, tf.float32, tf.float64, tf.complex64, tf.complex128),
    *(tf.int8, tf.uint8, tf.int16, tf.uint16, tf.uint32, tf.int64, tf.uint64),
}
_CONFIG = "engagement_bait/reinforce_memory.gin"
_SMALL = (
    "Iteration.jit_compile = True",
    "experiment.num_users = 8",
    "Iteration.collect_steps = 3",
    "Iteration.replay_length = 3",
    "LambdaReturns.num_steps = 2",
)
# Two logical CPUs in the places of a host, with the variables of int32, and of a GPU.
_TWO_DEVICES = f"""
import tensorflow as tf
from recsim_tf.experiment import config
from recsim_tf.training import Training

(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

def placed(next_creator, **arguments):
    value = arguments["initial_value"]
    value = tf.convert_to_tensor(value() if callable(value) else value, arguments.get("dtype"))
    with tf.device("CPU:0" if value.dtype == tf.int32 else "CPU:1"):
        return next_creator(**arguments | {{"initial_value": value}})

config.load([{_CONFIG!r}], {_SMALL!r})
with tf.device("CPU:1"), tf.variable_creator_scope(placed):
    loop = Training().loop
    loop.collect(3)
    print("loss", float(loop.run(1).loss))
"""


@pytest.mark.parametrize(
    "config_file", [_CONFIG, "quickstart.gin", "interest_evolution/reinforce.gin"]
)
def test_what_xla_compiles_reads_no_variable_that_a_gpu_cannot_hold(config_file):
    bindings = [each for each in _SMALL if config_file == _CONFIG or "LambdaReturns" not in each]
    with gin.unlock_config():
        gin.clear_config()
        config.load([config_file], tuple(bindings[:2]))
        loop = Training().loop
    for function in (loop.collect_function, loop.run_function):
        graph = function.get_concrete_function(tf.constant(1))
        variables = [*graph.variables, *loop.variables]
        by_handle = {id(variable.handle): variable for variable in variables}
        captured = [by_handle[id(each)] for each in graph.captured_inputs if id(each) in by_handle]
        assert len(captured) > 10
        assert {variable.dtype for variable in captured} <= _ON_GPU


def test_training_runs_where_variables_of_int32_are_on_another_device():
    result = run_python("-c", _TWO_DEVICES)
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stdout.startswith("loss ")
