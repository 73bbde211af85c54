# SPDX-License-Identifier: Apache-2.0
"""A sweep, from its file to its tables."""

import contextlib
import functools
import os
import shlex
import time
from collections.abc import Callable, Sequence
from typing import Literal

import tensorflow as tf

from recsim_tf.core.base.arguments import checked
from recsim_tf.experiment import building, config
from recsim_tf.experiment.gin.bindings import built
from recsim_tf.experiment.sweeps.engines import ray
from recsim_tf.experiment.sweeps.plan import Sweep, plan
from recsim_tf.experiment.sweeps.process import TrialProcess
from recsim_tf.experiment.sweeps.results import SweepResult, read_results, table_files
from recsim_tf.experiment.sweeps.summary import counts, summary_files, variants_table
from recsim_tf.experiment.sweeps.sweep_folder import ProgressBar, Shard, SweepDirectory
from recsim_tf.experiment.sweeps.trial import FAILED, Trial, TrialFiles
from recsim_tf.support.errors import UsageError, error_line
from recsim_tf.support.outputs import write_files
from recsim_tf.support.stopping import StoppedError, noting_signals
from recsim_tf.support.tables import text_table

_POLL_SECONDS = 0.1
# Runs trials; returns None or the signal that asked to stop.
_Engine = Callable[[Sequence[TrialFiles], ProgressBar], int | None]


@checked
def run_sweep(
    root_dir: str,
    sweep_file: str,
    gin_bindings: Sequence[str] = (),
    engine: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
    shard: Shard = Shard(),  # noqa: B008
    dry_run: bool = False,
) -> SweepResult | None:
    """Runs the trials of a sweep that are not finished, and writes the results of all into a
    folder; prints the table.

    The folder receives trials/ with the run, the log and the configuration of each trial, and at
    the end sweep.csv, sweep.json, curves.png, returns.png and summary.html.

    Args:
      root_dir: the folder.
      sweep_file: a path, or the name of a packaged sweep.
      gin_bindings: over the file.
      engine: "local" for processes on this machine, or "ray" for Ray Tune on a cluster.
      ray_address: "HOST:PORT" of the Ray cluster; None for that of the environment variable
        RAY_ADDRESS, or else for the cluster that this machine belongs to.
      shard: the part of the trials that is run.
      dry_run: whether to print the trials and do nothing.

    Returns:
      What was found, also by other shards; None for a dry run.

    Raises:
      StoppedError: if SIGINT (Ctrl-C) or SIGTERM came, once the running trials have saved
        checkpoints.
      UsageError: for bad input, before anything starts.
    """
    if ray_address is not None and engine != "ray":
        raise UsageError(f"--ray_address is an option of --engine=ray, got --engine={engine}")
    on_ray = engine == "ray"
    if on_ray:
        ray.register_schedulers()
    config.load([str(config.find_config(sweep_file, "sweep_file"))], gin_bindings)
    settings = built(Sweep, "sweep")
    if on_ray:
        run_trials: _Engine = functools.partial(
            ray.RayEngine().run,
            threads=settings.threads,
            name=f"{shard.remainder}-of-{shard.divisor}",
        )
    else:
        run_trials = functools.partial(
            _run_local, num_processes=settings.processes, threads=settings.threads
        )
    folder = SweepDirectory(root_dir, plan(settings))
    if not folder.part(shard):
        raise UsageError(
            f"--shard must have a trial, got {shard.remainder}/{shard.divisor} for"
            f" {len(folder.trials)} trials"
        )
    if dry_run:
        part = folder.part(shard)
        rows = [
            (folder.files[trial.name].outcome().status, trial.name, f"{trial.num_iterations:,}")
            for trial in part
        ]
        print(text_table([("status", "trial", "iterations"), *rows], left=(0, 1)))
        of = f" of {len(folder.trials)}" if shard.divisor > 1 else ""
        iterations = sum(trial.num_iterations for trial in part)
        print(f"{len(part)}{of} trials, {iterations:,} iterations in {folder.path}")
        return None
    if folder.is_new:
        _require_a_start(folder.trials)
    with ray.connected(ray_address) if on_ray else contextlib.nullcontext(), folder.claim(shard):
        _run(folder, shard, run_trials)
        command = ["recsim-tf", "sweep", f"--sweep_file={sweep_file}", f"--root_dir={root_dir}"]
        command += [f"--gin_bindings={binding}" for binding in gin_bindings]
        command += ["--engine=ray"] * on_ray
        command += [] if ray_address is None else [f"--ray_address={ray_address}"]
        return _write(folder, shlex.join(command))


def _require_a_start(trials: Sequence[Trial]) -> None:
    """Requires that a trial can start: builds the parts of the first that has no fault."""
    with contextlib.suppress(RuntimeError):  # TensorFlow may be running.
        tf.config.set_visible_devices([], "GPU")  # They are for the trials.
    errors = []
    for trial in trials:
        try:
            config.load([], [trial.config])
            building.check_training()
        except Exception as error:  # A user's own code can raise anything.
            errors.append(f"trial {trial.name}: {error_line(error)}")
        else:
            return
    raise UsageError(f"no trial can start: {errors[0]}")


def _run(folder: SweepDirectory, shard: Shard, run_trials: _Engine) -> None:
    part = folder.part(shard)
    files = [folder.files[trial.name] for trial in part]
    unsettled = [trial for trial in part if not folder.files[trial.name].outcome().is_settled]
    for trial in unsettled:
        folder.files[trial.name].prepare(trial.config)
    if not unsettled:
        return
    with ProgressBar(files) as progress:
        signal = run_trials([folder.files[trial.name] for trial in unsettled], progress)
    if signal is not None:
        settled = sum(trial.outcome().is_settled for trial in files)
        raise StoppedError(
            f"stopped with {settled} of {len(files)} trials done, the others keep their"
            " checkpoints",
            signal,
        )


def _write(folder: SweepDirectory, command: str) -> SweepResult:
    with folder.writing():
        result = read_results(folder)
        write_files(folder.path, {**table_files(result), **summary_files(result, command)})
    print(variants_table(result))
    for trial in result.trials:
        if trial.error:
            what = "Failed" if trial.status == FAILED else "Damaged"
            print(f"{what}: {trial.trial.name}: {trial.error}")
    print(f"{counts(result)}. Results in {folder.path}")
    return result


def _run_local(
    trials: Sequence[TrialFiles], progress: ProgressBar, num_processes: int, threads: int
) -> int | None:
    """Runs prepared trials in their order, `num_processes` at once, each with so many threads of
    TensorFlow. Where a signal asks to stop, the running ones save checkpoints and end before it is
    returned.
    """
    waiting, running = list(reversed(trials)), list[TrialProcess]()
    with noting_signals() as stop:
        try:
            while (waiting or running) and stop.signal is None:
                running = [process for process in running if process.poll() is None]
                while waiting and len(running) < num_processes:
                    running.append(TrialProcess(waiting.pop(), threads, os.getcwd()))
                progress.update()
                time.sleep(_POLL_SECONDS)
        finally:
            for process in running:
                process.stop()
            for process in running:
                process.wait()
    return stop.signal
