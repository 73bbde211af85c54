"""The engine that runs trials by Ray Tune, on this machine or on a cluster."""

import contextlib
import dataclasses
import logging
import os
import shutil
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gin

from recsim_tf.errors import one_line
from recsim_tf.experiment.runs.errors import UsageError
from recsim_tf.experiment.sweeps.engines.ray_local import ended_with_this_process, private_ray
from recsim_tf.experiment.sweeps.progress import Progress
from recsim_tf.experiment.sweeps.trial import FAILED, PENDING, STOPPED, Outcome, TrialFiles

_ADDRESS_SECONDS = 5.0
_METRIC = "AverageEpisodeRewards/eval"
# Read when Ray is imported: nothing is sent, nothing printed, and Ctrl-C is ours.
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # A trial that fails before its first evaluation reports none.
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
}


def register_schedulers() -> None:
    """Gives gin the schedulers of Ray Tune that may stop trials early.

    Raises:
      UsageError: if Ray is not installed.
    """
    os.environ.update(_QUIET)
    try:
        from ray.tune import schedulers
    except ModuleNotFoundError as error:
        raise UsageError("--engine=ray needs Ray Tune: install recsim-tf[ray]") from error
    for name, scheduler in (
        ("ASHAScheduler", schedulers.ASHAScheduler),
        ("MedianStoppingRule", schedulers.MedianStoppingRule),
    ):
        with contextlib.suppress(ValueError):  # A second sweep of the process.
            gin.external_configurable(scheduler, name=name, module="ray")


def check_address(address: str) -> None:
    """Connects to where a Ray cluster should be: Ray itself would wait for long.

    Raises:
      UsageError: if nothing answers.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise UsageError(f"--ray_address must be HOST:PORT, got {address!r}")
    try:
        socket.create_connection((host, int(port)), timeout=_ADDRESS_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UsageError(f"--ray_address {address} does not answer: {one_line(error)}") from error


@gin.configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class RayEngine:
    """How `--engine=ray` runs trials.

    Args:
      scheduler: None, or a scheduler of Ray Tune that may stop trials early: `@ASHAScheduler()` or
        `@MedianStoppingRule()`.
      cpus_per_trial: CPUs of Ray that a trial takes; None for the threads of a trial.
      gpus_per_trial: GPUs of Ray that a trial takes; a fraction lets trials share one.
      num_concurrent: trials that run at once at most; None for as many as Ray has room for.

    Raises:
      UsageError: for an argument out of range.
    """

    scheduler: Any = None
    cpus_per_trial: float | None = None
    gpus_per_trial: float = 0
    num_concurrent: int | None = None

    def __post_init__(self):
        from ray.tune.schedulers import TrialScheduler

        scheduler, cpus, number = self.scheduler, self.cpus_per_trial, self.num_concurrent
        checks = {
            "scheduler": (
                scheduler is None or isinstance(scheduler, TrialScheduler),
                "a scheduler of Ray Tune, such as @ASHAScheduler()",
            ),
            "cpus_per_trial": (cpus is None or cpus > 0, "positive"),
            "gpus_per_trial": (self.gpus_per_trial >= 0, "at least 0"),
            "num_concurrent": (
                number is None or (type(number) is int and number >= 1),
                "an integer of at least 1",
            ),
        }
        for name, (is_allowed, allowed) in checks.items():
            if not is_allowed:
                value = vars(self)[name]
                raise UsageError(f"RayEngine.{name} must be {allowed}, got {value!r}")

    def run(
        self,
        trials: Sequence[TrialFiles],
        progress: Progress,
        threads: int,
        address: str | None,
        name: str,
    ) -> int | None:
        """Runs prepared trials to their ends.

        Args:
          trials: their files.
          progress: is kept up to date.
          threads: of TensorFlow in each trial.
          address: of a cluster; None starts Ray on this machine.
          name: of the part of the sweep that this process runs, for Tune's files.

        Returns:
          None, or the signal that asked to stop, once the running trials have saved checkpoints and
          ended.

        Raises:
          UsageError: if Ray lacks the CPUs or GPUs that a trial takes.
        """
        with _connected(address):
            return _tune(trials, self, threads, name, progress)


@contextlib.contextmanager
def _connected(address: str | None) -> Iterator[None]:
    import ray

    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    with contextlib.ExitStack() as stack:
        if address is None:
            stack.enter_context(private_ray())
            stack.callback(ray.shutdown)
            ray.init(address="local", include_dashboard=False, **quiet)
            stack.enter_context(ended_with_this_process())
        else:  # A cluster has its own dashboard, or none, and its own tokens.
            stack.callback(ray.shutdown)
            ray.init(address=address, **quiet)
        yield


def _tune(
    trials: Sequence[TrialFiles], settings: RayEngine, threads: int, name: str, progress: Progress
) -> int | None:
    from ray import tune

    from recsim_tf.experiment.sweeps.engines.ray_trial import RayTrial, Watch, WhenAsked
    from recsim_tf.stopping import noting_signals

    resources = _resources(settings, threads)
    storage = trials[0].root / "ray"
    # What a killed process left.
    _remove(storage, name)
    flag = storage / name / "stop"
    by_name = {files.name: files for files in trials}
    shared = {
        "root": str(trials[0].root),
        "threads": threads,
        "folder": os.getcwd(),
        "flag": str(flag),
    }
    jobs = [{"name": files.name, "num_iterations": files.num_iterations} for files in trials]
    with noting_signals() as stop:

        def record(job: str, error: str | None) -> None:
            files = by_name[job]
            if stop.signal is None and files.outcome().status == PENDING:
                files.record(
                    Outcome(STOPPED) if error is None else Outcome(FAILED, f"Ray: {error}")
                )

        tuner = tune.Tuner(
            tune.with_resources(RayTrial, resources),
            param_space={"job": tune.grid_search(jobs), **shared},
            tune_config=tune.TuneConfig(
                metric=_METRIC,
                mode="max",
                scheduler=settings.scheduler,
                max_concurrent_trials=settings.num_concurrent,
                reuse_actors=True,
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=tune.RunConfig(
                name=name,
                storage_path=str(storage),
                stop=WhenAsked(stop, flag),
                callbacks=[Watch(progress, record)],
                # Trials keep their own.
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                verbose=0,
            ),
        )
        # Failures are printed at the end.
        logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
        try:
            tuner.fit()
        finally:
            _remove(storage, name)
        return stop.signal


def _resources(settings: RayEngine, threads: int) -> dict[str, float]:
    """What a trial takes of Ray, which would wait for what it has not got."""
    import ray

    resources = {"cpu": settings.cpus_per_trial or threads, "gpu": settings.gpus_per_trial}
    for kind, wanted in resources.items():
        if wanted > (there := ray.cluster_resources().get(kind.upper(), 0)):
            raise UsageError(
                f"RayEngine.{kind}s_per_trial must be at most {there:g}, which Ray has, got"
                f" {wanted:g}"
            )
    return resources


def _remove(storage: Path, name: str) -> None:
    """What Tune keeps is of no use: a rerun reads the trials' own files."""
    shutil.rmtree(storage / name, ignore_errors=True)
    with contextlib.suppress(OSError):  # Not empty: of another shard.
        storage.rmdir()
