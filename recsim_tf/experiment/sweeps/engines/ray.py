# SPDX-License-Identifier: Apache-2.0
"""The engine that runs trials by Ray Tune, on a Ray cluster that is running."""

import contextlib
import dataclasses
import logging
import os
import shutil
import socket
from collections.abc import Iterator, Sequence
from typing import Any

import gin

from recsim_tf.core.base.arguments import Count, NotNegative, Positive, configurable
from recsim_tf.experiment.sweeps.sweep_folder import ProgressBar
from recsim_tf.experiment.sweeps.trial import FAILED, PENDING, STOPPED, Outcome, TrialFiles
from recsim_tf.support.errors import UsageError, one_line
from recsim_tf.support.stopping import noting_signals

_SECONDS_TO_ANSWER = 5.0
_METRIC = "AverageEpisodeRewards/eval"
# Read when Ray is imported: nothing is sent, nothing printed, and Ctrl-C is ours.
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    # Ray may still have the address of a cluster that has ended.
    "RAY_NUM_REDIS_GET_RETRIES": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # A trial that fails before its first evaluation reports none.
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
}


def register_schedulers() -> None:
    """Gives gin the schedulers of Ray Tune. Raises a UsageError if Ray is not installed."""
    os.environ.update(_QUIET)
    try:
        from ray.tune import schedulers
    except ModuleNotFoundError as error:
        raise UsageError("--engine=ray needs Ray Tune: install recsim-tf[ray]") from error
    for name, scheduler in (
        ("ASHAScheduler", schedulers.ASHAScheduler),
        ("MedianStoppingRule", schedulers.MedianStoppingRule),
    ):
        # A second sweep of the process finds them there.
        with gin.unlock_config(), contextlib.suppress(ValueError):
            gin.external_configurable(scheduler, name=name, module="ray")


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Inside, this process is connected to a Ray cluster that is running; its address is as for
    `run_sweep`. Raises a UsageError if no cluster answers.
    """
    import ray

    address = address or os.environ.get("RAY_ADDRESS") or "auto"
    try:
        if address != "auto":
            # Ray would wait for long.
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=_SECONDS_TO_ANSWER).close()
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    except (OSError, ValueError, OverflowError, RuntimeError) as error:
        where = "on this machine" if address == "auto" else f"at {address} ({one_line(error)})"
        raise UsageError(
            f"--engine=ray found no running Ray cluster {where}: start one with `ray start --head`,"
            " and give its HOST:PORT as --ray_address"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


@configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class RayEngine:
    """The engine of `--engine=ray`, which runs trials on a cluster of Ray.

    Args:
      scheduler: None, or a scheduler of Ray Tune that may stop trials early: `@ASHAScheduler()` or
        `@MedianStoppingRule()`.
      cpus_per_trial: CPUs of Ray that a trial takes; None for the threads of a trial.
      gpus_per_trial: GPUs of Ray that a trial takes; a fraction lets trials share one.
      num_concurrent: trials that run at once at most; None for as many as Ray has room for.
    """

    scheduler: Any = None
    cpus_per_trial: Positive | None = None
    gpus_per_trial: NotNegative = 0
    num_concurrent: Count | None = None

    def __post_init__(self):
        from ray.tune.schedulers import TrialScheduler

        if self.scheduler is not None and not isinstance(self.scheduler, TrialScheduler):
            raise UsageError(
                "RayEngine.scheduler must be a scheduler of Ray Tune, such as @ASHAScheduler(), got"
                f" {self.scheduler!r}"
            )

    def run(
        self, trials: Sequence[TrialFiles], progress: ProgressBar, threads: int, name: str
    ) -> int | None:
        """Runs prepared trials to their ends, by the cluster that this process is connected to.

        `threads` are those of TensorFlow in each trial, and `name` that of the part of the sweep
        that this process runs, for Tune's files.

        Returns:
          None, or the signal that asked to stop, once the running trials have saved checkpoints and
          ended.

        Raises:
          UsageError: if Ray lacks the CPUs or GPUs that a trial takes.
        """
        from ray import tune

        from recsim_tf.experiment.sweeps.engines.ray_trial import RayTrial, Watch, WhenAsked

        resources = self._resources(threads)
        storage = trials[0].root / "ray"
        # Tune's own files are of no use: a rerun reads those of the trials.
        shutil.rmtree(storage / name, ignore_errors=True)
        flag = storage / name / "stop"
        by_name = {files.name: files for files in trials}
        jobs = [{"name": files.name, "num_iterations": files.num_iterations} for files in trials]
        with noting_signals() as stop:

            def record(job: str, error: str | None) -> None:
                if stop.signal is None and by_name[job].outcome().status == PENDING:
                    stopped = Outcome(STOPPED)
                    by_name[job].record(stopped if error is None else Outcome(FAILED, error))

            tuner = tune.Tuner(
                tune.with_resources(RayTrial, resources),
                param_space={
                    "job": tune.grid_search(jobs),
                    "root": str(trials[0].root),
                    "threads": threads,
                    "folder": os.getcwd(),
                    "flag": str(flag),
                },
                tune_config=tune.TuneConfig(
                    metric=_METRIC,
                    mode="max",
                    scheduler=self.scheduler,
                    max_concurrent_trials=self.num_concurrent,
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
                shutil.rmtree(storage / name, ignore_errors=True)
                with contextlib.suppress(OSError):  # Not empty: of another shard.
                    storage.rmdir()
            return stop.signal

    def _resources(self, threads: int) -> dict[str, float]:
        """The CPUs and GPUs of a trial, which Ray must have: it would wait for more."""
        import ray

        resources = {"cpu": self.cpus_per_trial or threads, "gpu": self.gpus_per_trial}
        for kind, wanted in resources.items():
            if wanted > (there := ray.cluster_resources().get(kind.upper(), 0)):
                raise UsageError(
                    f"RayEngine.{kind}s_per_trial must be at most {there:g}, which Ray has, got"
                    f" {wanted:g}"
                )
        return resources
