# SPDX-License-Identifier: Apache-2.0
"""A process that measures: it gives a task to a module, and prints the figures as one line of JSON.

    python benchmarks/worker.py MODULE TASK [--one_thread]

MODULE has a class `Task` and a function `timed(task)`; TASK is its `Task` as JSON. The parent,
`processes.py`, pins the process to cores before it starts.
"""

import argparse
import importlib
import json
import os
import resource

# TensorFlow is imported before recsim_tf, which would settle it.
os.environ["TF_USE_LEGACY_KERAS"] = "1"

import tensorflow as tf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("module")
    parser.add_argument("task", type=json.loads)
    parser.add_argument("--one_thread", action="store_true", help="of TensorFlow")
    arguments = parser.parse_args()
    if arguments.one_thread:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    worker = importlib.import_module(arguments.module)
    result = {
        **worker.timed(worker.Task(**arguments.task)),
        "peak_memory_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "tensorflow": tf.__version__,
        "device": tf.config.list_logical_devices()[-1].device_type,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
