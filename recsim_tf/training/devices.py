# SPDX-License-Identifier: Apache-2.0
"""The devices of a run: one, several, or those of several machines, by `tf.distribute`.

TensorFlow waits for the other workers without a message. So each worker first listens at its own
port, and connects to the port of every other worker once.
"""

import contextlib
import dataclasses
import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Annotated

import tensorflow as tf

from recsim_tf.core.base.arguments import Count, OneOf, configurable
from recsim_tf.core.runs import replicas
from recsim_tf.support.errors import UsageError, one_line

STRATEGIES = ("default", "mirrored", "multi_worker", "tpu")
_FORM = (
    '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'
)
_SECONDS_TO_MESSAGE = 15.0
_SECONDS_TO_ANSWER = 3.0
_POLL_SECONDS = 0.2


class WorkerLostError(RuntimeError):
    """Other workers of a run stopped or cannot be reached."""


@dataclasses.dataclass(frozen=True)
class Devices:
    """The devices of a run, in the scope of whose strategy its parts are made, and its workers: the
    processes that run them. Worker number 0 is the chief, which writes the results.
    """

    strategy: tf.distribute.Strategy
    addresses: Sequence[str] = ()  # of all workers; none if there is only this process
    index: int = 0  # of this worker

    @property
    def num_workers(self) -> int:
        return max(len(self.addresses), 1)

    @property
    def is_chief(self) -> bool:
        return self.index == 0

    def largest(self, number: int) -> int:
        """The largest non-negative number of all workers, which wait here for each other."""
        if self.num_workers == 1:
            return number
        with self.strategy.scope():
            everyone = self.strategy.run(lambda: replicas.gather(tf.constant([number])))
            return int(tf.reduce_max(self.strategy.experimental_local_results(everyone)[0]))

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Inside, the loss of another worker is an error of one line. Raises a WorkerLostError if
        TensorFlow fails and a worker does not answer; it names the worker.
        """
        try:
            yield
        except tf.errors.OpError as error:
            workers = (worker for worker in range(len(self.addresses)) if worker != self.index)
            lost = [worker for worker in workers if not _answers(self.addresses[worker])]
            if not lost:
                raise
            raise WorkerLostError(
                f"{_named(self.addresses, lost)} stopped or cannot be reached: run the same"
                " command on all workers to go on"
            ) from error


@configurable("devices", module="recsim_tf")
def connect(
    strategy: Annotated[str, OneOf(STRATEGIES)] = "default",
    logical_cpus: Count | None = None,
    start_timeout: float = 600.0,
    tpu: str = "",
) -> Devices:
    """Connects to the devices of a run; in gin files `devices`.

    TensorFlow must not have been used in this process before, except for "default".

    Args:
      strategy: one of `STRATEGIES`. "default": one device. "mirrored": all GPUs of this machine, or
        its CPU. "multi_worker": all GPUs, or the CPU, of each of several machines, with a process
        on each, which the environment variable TF_CONFIG gives the addresses of all and its own
        number. "tpu": all cores of a TPU or of a slice.
      logical_cpus: the number of logical devices of the CPU for "mirrored", to try several replicas
        without GPUs.
      start_timeout: the seconds that a worker waits for the others, for "multi_worker".
      tpu: name or address of the TPU; "" for the machine's own.

    Raises:
      ValueError: for an unknown strategy, a TF_CONFIG that lacks something, or workers or a TPU
        that do not answer.
    """
    if logical_cpus is not None and strategy != "mirrored":
        raise UsageError(
            f"devices.logical_cpus goes with devices.strategy = 'mirrored', got {strategy!r}"
        )
    if strategy == "mirrored":
        return Devices(tf.distribute.MirroredStrategy(_names_of_devices(logical_cpus)))
    if strategy == "multi_worker":
        addresses, index = _workers_of(os.environ.get("TF_CONFIG"))
        return Devices(_connected(addresses, index, start_timeout), addresses, index)
    if strategy == "tpu":
        return Devices(_tpu_strategy(tpu))
    return Devices(tf.distribute.get_strategy())


def _connected(addresses: Sequence[str], index: int, timeout: float) -> tf.distribute.Strategy:
    """The strategy of all workers, once they are all there."""
    wait_for_workers(addresses, index, timeout)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in handlers:
        # TensorFlow keeps Python's handlers from running while it connects the workers, so Ctrl-C
        # ends the process without one.
        signal.signal(number, signal.SIG_DFL)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.OpError as error:
        raise WorkerLostError(
            f"TensorFlow could not connect the workers ({one_line(error)[:200]}): run the same"
            " command on all workers"
        ) from error
    finally:
        # TensorFlow takes SIGTERM as a notice of preemption, and would go on.
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _names_of_devices(logical_cpus: int | None) -> list[str]:
    if logical_cpus is not None:
        cpu, *_ = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * logical_cpus
        )
        return [f"CPU:{number}" for number in range(logical_cpus)]
    gpus = tf.config.list_logical_devices("GPU")
    return [device.name for device in gpus or tf.config.list_logical_devices("CPU")]


def _tpu_strategy(tpu: str) -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=tpu)
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        raise UsageError(
            f"devices.tpu {tpu!r} does not answer as a TPU: {one_line(error)[:200]}"
        ) from error
    return tf.distribute.TPUStrategy(resolver)


def _workers_of(tf_config: str | None) -> tuple[list[str], int]:
    """The addresses of all workers, and the number of this one, by the environment variable
    TF_CONFIG, or None if it is not set. Raises a UsageError if it is not like `_FORM`.
    """
    try:
        content = json.loads(tf_config or "")
        jobs, task = content["cluster"], content["task"]
        addresses, index = jobs["worker"], task["index"]
        is_valid = (
            list(jobs) == ["worker"]
            and task["type"] == "worker"
            and len(set(addresses)) == len(addresses)
            and all(re.fullmatch(r"[^\s:/]+:\d{1,5}", address) for address in addresses)
            and 0 <= int(index) < len(addresses)
        )
    except (ValueError, KeyError, TypeError):
        is_valid = False
    if not is_valid:
        raise UsageError(
            "TF_CONFIG must list a different address of each worker and the index of this one, as"
            f" {_FORM}, got {tf_config!r}"
        )
    return addresses, int(index)


def wait_for_workers(addresses: Sequence[str], index: int, timeout: float) -> None:
    """Waits until every other worker has answered once at its address, up to `timeout` seconds.
    Raises a UsageError if the port of this worker is taken, or another worker does not answer in
    time.
    """
    missing = [worker for worker in range(len(addresses)) if worker != index]
    started = last_message = time.monotonic()
    with _listening(addresses, index):
        while missing := [worker for worker in missing if not _answers(addresses[worker])]:
            now = time.monotonic()
            if now - started > timeout:
                raise UsageError(
                    f"{_named(addresses, missing)} did not answer within devices.start_timeout ="
                    f" {timeout:g} seconds"
                )
            if now - last_message > _SECONDS_TO_MESSAGE:
                last_message = now
                waiting = f"recsim-tf: waiting for {_named(addresses, missing)}"
                print(waiting, file=sys.stderr, flush=True)
            time.sleep(_POLL_SECONDS)


def _listening(addresses: Sequence[str], index: int) -> socket.socket:
    """A socket at this worker's port for the others, before TensorFlow's server listens there."""
    dual = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual else socket.AF_INET
    try:
        return socket.create_server(
            ("", _parts(addresses[index])[1]), family=family, dualstack_ipv6=dual
        )
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"TF_CONFIG: worker {index} must have a free port, got {addresses[index]}:"
            f" {one_line(error)}"
        ) from error


def _answers(address: str) -> bool:
    """True if a process listens at an address."""
    try:
        with socket.create_connection(_parts(address), timeout=_SECONDS_TO_ANSWER):
            return True
    except (OSError, OverflowError):
        return False


def _named(addresses: Sequence[str], workers: Sequence[int]) -> str:
    """Workers with their addresses, for messages."""
    return ", ".join(f"worker {worker} ({addresses[worker]})" for worker in workers)


def _parts(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)
