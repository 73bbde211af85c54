"""The engine that runs trials by Ray Tune, on this machine or on a cluster."""

import contextlib
import logging
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import gin

from recsim_tf.experiment.runs.errors import UsageError, one_line
from recsim_tf.experiment.sweeps.files import FAILED, PENDING, STOPPED, Outcome, TrialFiles
from recsim_tf.experiment.sweeps.progress import Progress
from recsim_tf.experiment.sweeps.settings import RaySettings

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


def engine(
    settings: RaySettings, threads: int, address: str | None, name: str
) -> Callable[[Sequence[TrialFiles], Progress], int | None]:
    """A function that runs prepared trials by Ray Tune.

    Args:
      settings: of the sweep file.
      threads: of TensorFlow in each trial.
      address: of a cluster; None starts Ray on this machine.
      name: of the part of the sweep that this process runs, for Tune's files.

    Raises:
      UsageError: if the scheduler is none of Ray's.
    """
    from ray.tune.schedulers import TrialScheduler

    if settings.scheduler is not None and not isinstance(settings.scheduler, TrialScheduler):
        raise UsageError(
            "ray_engine.scheduler must be a scheduler of Ray Tune, such as @ASHAScheduler(), got"
            f" {settings.scheduler!r}"
        )

    def run(trials: Sequence[TrialFiles], progress: Progress) -> int | None:
        with _connected(address):
            return _tune(trials, settings, threads, name, progress)

    return run


@contextlib.contextmanager
def _connected(address: str | None) -> Iterator[None]:
    import ray

    # A cluster has its dashboard, or none.
    ray.init(
        address=address or "local",
        include_dashboard=None if address else False,
        logging_level=logging.ERROR,
        log_to_driver=False,
    )
    try:
        yield
    finally:
        ray.shutdown()


def _tune(
    trials: Sequence[TrialFiles], settings: RaySettings, threads: int, name: str, progress: Progress
) -> int | None:
    from ray import tune

    from recsim_tf.experiment.runs.stopping import noting_signals
    from recsim_tf.experiment.sweeps.engines.ray_trial import RayTrial, Watch, WhenAsked

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
        # Failures are told at the end.
        logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
        try:
            tuner.fit()
        finally:
            _remove(storage, name)
        return stop.signal


def _resources(settings: RaySettings, threads: int) -> dict[str, float]:
    """What a trial takes of Ray, which would wait for what it has not got."""
    import ray

    resources = {"cpu": settings.cpus_per_trial or threads, "gpu": settings.gpus_per_trial}
    for kind, wanted in resources.items():
        if wanted > (there := ray.cluster_resources().get(kind.upper(), 0)):
            raise UsageError(
                f"ray_engine.{kind}s_per_trial must be at most {there:g}, which Ray has, got"
                f" {wanted:g}"
            )
    return resources


def _remove(storage: Path, name: str) -> None:
    """What Tune keeps is of no use: a rerun reads the trials' own files."""
    shutil.rmtree(storage / name, ignore_errors=True)
    with contextlib.suppress(OSError):  # Not empty: of another shard.
        storage.rmdir()
