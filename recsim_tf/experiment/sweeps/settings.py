"""What a sweep file says, as gin gives it."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import gin

from recsim_tf.experiment.runs.errors import UsageError
from recsim_tf.experiment.sweeps.spaces import Bindings


class Sweep(NamedTuple):
    """The arguments of `sweep`, checked, with the machine's defaults."""

    variants: Sequence[Bindings]
    gin_files: Sequence[str]
    gin_bindings: Sequence[str]
    seeds: Sequence[int]
    num_processes: int
    threads_per_trial: int


@gin.configurable(module="recsim_tf")
def sweep(
    trials: Sequence[Bindings] = gin.REQUIRED,
    gin_files: Sequence[str] = (),
    gin_bindings: Sequence[str] = (),
    seeds: Sequence[int] = (0,),
    num_processes: int | None = None,
    threads_per_trial: int | None = None,
) -> Sweep:
    """A set of trials: each is `recsim-tf train` with the bindings of one variant and one seed.

    Args:
      trials: the variants: `@grid()`, `@random_search()` or `@listed()`.
      gin_files: of every trial, paths or names of packaged configs.
      gin_bindings: of every trial, over the files.
      seeds: integers; `experiment.seed` of the trials of each variant.
      num_processes: trials that run at once on this machine; None for the number of its cores.
      threads_per_trial: threads of TensorFlow in a trial; None for the machine's cores divided by
        `num_processes`. It belongs to a result to the last digit: sums that threads share are
        rounded in another order.

    Raises:
      UsageError: for an argument out of range.
    """
    for name, value in (("gin_files", gin_files), ("gin_bindings", gin_bindings)):
        if isinstance(value, str) or not all(isinstance(text, str) for text in value):
            raise UsageError(f"sweep.{name} must be a tuple of strings, got {value!r}")
    if (
        not isinstance(seeds, (tuple, list))
        or not seeds
        or not all(type(seed) is int for seed in seeds)
    ):
        raise UsageError(f"sweep.seeds must be a non-empty tuple of integers, got {seeds!r}")
    if len(set(seeds)) < len(seeds):
        raise UsageError(f"sweep.seeds must be distinct, got {seeds!r}")
    for name, count in (("num_processes", num_processes), ("threads_per_trial", threads_per_trial)):
        if count is not None and (type(count) is not int or count < 1):
            raise UsageError(f"sweep.{name} must be an integer of at least 1, got {count!r}")
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    processes = num_processes or cores
    return Sweep(
        trials,
        tuple(gin_files),
        tuple(gin_bindings),
        tuple(seeds),
        processes,
        threads_per_trial or max(1, cores // processes),
    )


class RaySettings(NamedTuple):
    """The arguments of `ray_engine`, checked."""

    scheduler: Any
    cpus_per_trial: float | None
    gpus_per_trial: float
    num_concurrent: int | None


@gin.configurable(module="recsim_tf")
def ray_engine(
    scheduler: Any = None,
    cpus_per_trial: float | None = None,
    gpus_per_trial: float = 0,
    num_concurrent: int | None = None,
) -> RaySettings:
    """How `--engine=ray` runs trials.

    Args:
      scheduler: None, or a scheduler of Ray Tune that may stop trials early: `@ASHAScheduler()` or
        `@MedianStoppingRule()`.
      cpus_per_trial: CPUs of Ray that a trial takes; None for `sweep.threads_per_trial`.
      gpus_per_trial: GPUs of Ray that a trial takes; a fraction lets trials share one.
      num_concurrent: trials that run at once at most; None for as many as Ray has room for.

    Raises:
      UsageError: for an argument out of range.
    """
    if cpus_per_trial is not None and not cpus_per_trial > 0:
        raise UsageError(f"ray_engine.cpus_per_trial must be positive, got {cpus_per_trial!r}")
    if not gpus_per_trial >= 0:
        raise UsageError(f"ray_engine.gpus_per_trial must be at least 0, got {gpus_per_trial!r}")
    if num_concurrent is not None and (type(num_concurrent) is not int or num_concurrent < 1):
        raise UsageError(
            f"ray_engine.num_concurrent must be an integer of at least 1, got {num_concurrent!r}"
        )
    return RaySettings(scheduler, cpus_per_trial, gpus_per_trial, num_concurrent)
