"""The settings of a sweep, as its file gives them."""

import dataclasses
import os
import sys
from collections.abc import Sequence

import gin

from recsim_tf.experiment.runs.errors import UsageError
from recsim_tf.experiment.sweeps.spaces import Bindings


@gin.configurable("sweep", module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class Sweep:
    """A set of trials: each is `recsim-tf train` with the bindings of one variant and one seed; in
    gin files `sweep`.

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

    trials: Sequence[Bindings] = gin.REQUIRED
    gin_files: Sequence[str] = ()
    gin_bindings: Sequence[str] = ()
    seeds: Sequence[int] = (0,)
    num_processes: int | None = None
    threads_per_trial: int | None = None

    def __post_init__(self):
        for name, texts in (("gin_files", self.gin_files), ("gin_bindings", self.gin_bindings)):
            if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
                raise UsageError(f"sweep.{name} must be a tuple of strings, got {texts!r}")
        seeds = self.seeds
        if (
            not isinstance(seeds, (tuple, list))
            or not seeds
            or not all(type(seed) is int for seed in seeds)
        ):
            raise UsageError(f"sweep.seeds must be a non-empty tuple of integers, got {seeds!r}")
        if len(set(seeds)) < len(seeds):
            raise UsageError(f"sweep.seeds must be distinct, got {seeds!r}")
        for name, count in (
            ("num_processes", self.num_processes),
            ("threads_per_trial", self.threads_per_trial),
        ):
            if count is not None and (type(count) is not int or count < 1):
                raise UsageError(f"sweep.{name} must be an integer of at least 1, got {count!r}")

    @property
    def processes(self) -> int:
        """Trials that run at once on this machine."""
        return self.num_processes or _cores()

    @property
    def threads(self) -> int:
        """Threads of TensorFlow in a trial."""
        return self.threads_per_trial or max(1, _cores() // self.processes)


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
