"""Training of the quickstart's agent on one core and two, as one process, as logical devices and as
processes.

"Strong" keeps the users and the batch of the whole, "weak" those of a replica. Wall time, after a
first call that traces. Two runs that have nothing to do with each other, each on a core of its own,
show what the machine has to give; a sweep's trials run like that.
"""

import statistics
import time
from typing import Any, NamedTuple

import numpy as np
import processes
from sections import Section, Settings, section

from recsim_tf.experiment import config
from recsim_tf.experiment.training.devices import connect
from recsim_tf.experiment.training.parts import experiment

_SIZES = {
    False: {"users": 2048, "batch_size": 150, "num_steps": 100, "iterations": 10, "seconds": 10.0},
    True: {"users": 16, "batch_size": 4, "num_steps": 2, "iterations": 1, "seconds": 0.01},
}
_QUICK_ROWS = ("one_core", "multi_worker")


class _Row(NamedTuple):
    text: str
    strategy: str
    # on which the run is, as many as there are; a run of several processes has one for each
    cores: int
    replicas: int = 1
    processes: int = 1
    scale: int = 1  # of users and batch, in sizes of one device


_ROWS = {
    "one_core": _Row("one device, one core", "default", 1),
    "two_cores": _Row("one device, two cores", "default", 2),
    "mirrored": _Row("two logical devices, two cores", "mirrored", 2, replicas=2),
    "mirrored_weak": _Row(
        "the same, twice the users and the batch", "mirrored", 2, replicas=2, scale=2
    ),
    "multi_worker": _Row("two processes, a core each", "multi_worker", 1, replicas=2, processes=2),
    "multi_worker_weak": _Row(
        "the same, twice the users and the batch",
        "multi_worker",
        1,
        replicas=2,
        processes=2,
        scale=2,
    ),
    "independent": _Row(
        "two runs that are not connected, a core each", "default", 1, processes=2, scale=2
    ),
}


def measure(settings: Settings) -> Section:
    rows = {name: _ROWS[name] for name in _QUICK_ROWS} if settings.quick else _ROWS
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in rows}
    for _ in range(settings.rounds):
        for name, row in rows.items():
            found[name].append(_run(row, settings.quick))
    size = _SIZES[settings.quick]
    table = [("", "env steps/s", "train steps/s", "x one core", "MiB a process")]
    figures: dict[str, float] = {}
    for name, row in rows.items():
        rate = statistics.median(run["env_steps_per_second"] for run in found[name])
        # A train step of the larger batches counts as several of the others.
        figures[f"{name}/env_steps_per_second"] = rate
        figures[f"{name}_vs_one_core"] = ratio = rate / figures["one_core/env_steps_per_second"]
        train_steps = statistics.median(run["train_steps_per_second"] for run in found[name])
        memory = max(run["peak_memory_kib"] for run in found[name]) / 1024
        cells = f"{rate:,.0f}", f"{train_steps:,.1f}", f"{ratio:.2f}", f"{memory:,.0f}"
        table.append((row.text, *cells))
    parameters = found["multi_worker"][0]["parameters"]
    figures["bytes_per_update"] = 4 * parameters
    title = (
        f"SlateQ in training, {size['users']:,} users and {size['batch_size']} sequences of"
        f" {size['num_steps']} steps a device, wall time, median of {settings.rounds} rounds in"
        " turns"
    )
    notes = [
        f"An update sums {parameters:,} gradients, {4 * parameters / 2**20:.2f} MiB, over the"
        " replicas."
    ]
    return section(settings, title, table, figures, notes=notes, details=found)


def _run(row: _Row, quick: bool) -> dict[str, Any]:
    """The rates of all processes together."""
    size = _SIZES[quick]
    per_process = row.scale if row.strategy != "default" else 1
    task = {
        **size,
        "users": per_process * size["users"],
        "batch_size": per_process * size["batch_size"],
    }
    task |= {
        "strategy": row.strategy,
        "logical_cpus": row.replicas if row.strategy == "mirrored" else None,
    }
    addresses = processes.free_addresses(row.processes)
    environments = [
        processes.tf_config(addresses, index) if row.strategy == "multi_worker" else {}
        for index in range(row.processes)
    ]
    cores = [
        [index] if row.cores == 1 else list(range(row.cores)) for index in range(row.processes)
    ]
    runs = processes.run_workers(__name__, [task] * row.processes, cores, environments)
    together = dict(runs[0])
    if row.strategy == "default":
        together["env_steps_per_second"] = sum(run["env_steps_per_second"] for run in runs)
    return together


class Task(NamedTuple):
    """What one process measures; sizes are those of all replicas together."""

    strategy: str
    logical_cpus: int | None
    users: int
    batch_size: int
    num_steps: int  # of a sequence
    iterations: int  # of one call
    seconds: float  # timed calls go on so long


def timed(task: Task) -> dict[str, float]:
    """Rates of training, after a first call that traces."""
    bindings = [
        f"experiment.num_users = {task.users}",
        f"Iteration.batch_size = {task.batch_size}",
        f"Iteration.replay_length = {task.num_steps + 20}",
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
