"""The quickstart's agent in training, timed, in a process of `benchmarks/worker.py`."""

import time
from typing import NamedTuple

import numpy as np

from recsim_tf.experiment import config
from recsim_tf.experiment.training.devices import connect
from recsim_tf.experiment.training.parts import experiment


class Task(NamedTuple):
    """What one process measures; sizes are those of all replicas together."""

    strategy: str
    logical_cpus: int | None
    users: int
    batch_size: int
    num_steps: int  # of a sequence
    iterations: int  # of one call
    seconds: float  # timed calls go on so long


def measure(task: Task) -> dict[str, float]:
    """Rates of training, after a first call that traces."""
    bindings = [
        f"experiment.num_users = {task.users}",
        f"experiment.batch_size = {task.batch_size}",
        f"experiment.replay_length = {task.num_steps + 20}",
        f"SlateQTargets.num_steps = {task.num_steps}",
        f"devices.strategy = {task.strategy!r}",
        f"devices.logical_cpus = {task.logical_cpus}",
    ]
    config.load(["quickstart.gin"], bindings)
    devices = connect()
    with devices.strategy.scope():
        parts = experiment()
    loop = parts.loop
    loop.collect(task.num_steps + 10)
    loop.run(task.iterations)
    # All workers make the same calls: they agree on how many by the time that the first one takes.
    started = time.perf_counter()
    loop.run(task.iterations)
    calls = devices.largest(max(1, round(task.seconds / (time.perf_counter() - started))))
    started = time.perf_counter()
    for _ in range(calls):
        loop.run(task.iterations)
    seconds = time.perf_counter() - started
    iterations = calls * task.iterations
    return {
        "env_steps_per_second": iterations * loop.user_steps_per_iteration / seconds,
        "train_steps_per_second": iterations / seconds,
        "parameters": int(
            sum(np.prod(weight.shape) for weight in parts.agent.network.trainable_weights)
        ),
    }
