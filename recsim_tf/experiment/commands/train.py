# SPDX-License-Identifier: Apache-2.0
"""`recsim-tf train`: a training that learns, logs, saves and evaluates, and that goes on."""

from typing import Annotated

import recsim_tf._tf_agents  # noqa: F401  # It imports TF-Agents.
from recsim_tf.core.base.arguments import AtLeast, Count, configurable

# isort: split
import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gin
import tensorflow as tf
from tf_agents.policies import policy_saver

from recsim_tf.evaluation import outputs
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.evaluation.policy_results import PolicyResult
from recsim_tf.experiment.comparing import environments
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.experiment.runs.process import quietly
from recsim_tf.support.errors import UsageError
from recsim_tf.support.files import remove, storing
from recsim_tf.support.progress import progress_bar
from recsim_tf.support.stopping import StoppedError, noting_signals
from recsim_tf.training.devices import Devices
from recsim_tf.training.training import Training


@configurable("train", module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class Schedule:
    """The length of a training, and its times to log, evaluate and save; in gin files `train`.

    Args:
      num_iterations: iterations of the whole run; raise it to extend a finished run.
      warmup_iterations: steps of all users before learning begins, at least 2; None for 10, or as
        many more as the agent needs for its first train step.
      log_interval: iterations that run in one call; the metrics are logged between two calls.
      eval_interval: iterations between evaluations of the served policy, for the learning curve.
      eval_users: sessions of such an evaluation.
      checkpoint_interval: iterations between checkpoints.
      max_checkpoints: checkpoints that are kept; with several workers at least two are.
    """

    num_iterations: Count = 10_000
    warmup_iterations: Annotated[int, AtLeast(2)] | None = None
    log_interval: Count = 100
    eval_interval: Count = 500
    eval_users: Count = 1000
    checkpoint_interval: Count = 1000
    max_checkpoints: Count = 2

    def next_call(self, done: int) -> int:
        """Iterations from iteration `done` to the next at which something is due."""
        intervals = (self.log_interval, self.eval_interval, self.checkpoint_interval)
        return min(
            self.num_iterations - done, *(interval - done % interval for interval in intervals)
        )

    def is_due(self, interval: int, done: int) -> bool:
        """True if iteration `done` ends an interval, or the run."""
        return done % interval == 0 or done == self.num_iterations


class TrainingRun:
    """The training of an agent in a folder; it goes on from the folder's checkpoint.

    The folder receives config.gin, operative_config.gin, checkpoints/, metrics.jsonl, TensorBoard's
    tensorboard/, and at the end results.json, sessions.csv, learning_curve.png and the served
    policy as a SavedModel in policy/.

    Of several workers the chief evaluates and writes. The others write their own part of a
    checkpoint, see `RunCheckpoints`, and wait for the chief.

    Args:
      folder, devices, schedule: the run.
      training: the training, made in the scope of the devices' strategy.
      evaluation: the evaluation of the agent and its baselines at the end. Its users are those of
        the learning curve too.
    """

    def __init__(
        self,
        folder: RunDirectory,
        training: Training,
        devices: Devices,
        schedule: Schedule,
        evaluation: Evaluation,
    ):
        self.folder = folder
        self.training = training
        self.schedule = schedule
        self._devices = devices
        self._evaluation = evaluation
        self._checkpoints = training.checkpoints(
            folder.checkpoints, devices, schedule.max_checkpoints
        )

    def run(self) -> dict[str, Any] | None:
        """Trains to the end.

        Returns:
          The content of results.json; None from a worker that is not the chief.

        Raises:
          StoppedError: if SIGINT (Ctrl-C) or SIGTERM came to a worker, once all is saved.
          CorruptError: if no checkpoint can be read.
          UsageError: if one has more iterations than the schedule.
          WorkerLostError: if another worker stopped.
        """
        devices = self._devices
        with self.claimed():
            signal = self.learn()
            if signal:
                raise self.stopped(signal)
            content = self.conclude() if devices.is_chief else None
            # The others leave when the results are there: a worker that is gone is a lost one.
            devices.largest(0)
            return content

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Inside, the folder is this run's, and its newest checkpoint is restored. Raises a
        UsageError for a schedule that does not suit the agent or the checkpoint.
        """
        folder, devices = self.folder, self._devices
        warmup, least = self.schedule.warmup_iterations, self.training.loop.least_collected
        if warmup is not None and warmup < least:
            raise UsageError(
                f"train.warmup_iterations must be at least {least} for {self.training.agent.name},"
                f" which learns from that many steps at a time, got {warmup}"
            )
        reached = self._checkpoints.newest
        if reached > self.schedule.num_iterations:
            raise UsageError(
                f"train.num_iterations must be at least {reached}, which the run in {folder.path}"
                f" has reached, got {self.schedule.num_iterations}"
            )
        with folder.claim(devices.index), devices.watched():
            restored = self._checkpoints.restore()
            if devices.is_chief:
                if restored is not None:
                    print(
                        f"Going on from iteration {restored:,} of"
                        f" {self.schedule.num_iterations:,} in {folder.path}",
                        flush=True,
                    )
                folder.rewind_metrics(-1 if restored is None else restored)
                folder.write(
                    {
                        "operative_config.gin": gin.operative_config_str(),
                        environments.FILE: environments.content_of(
                            self.training.simulator, self._evaluation, str(folder.path)
                        ),
                    }
                )
            yield

    def stopped(self, signal: int) -> StoppedError:
        """The error of a run that a signal stopped."""
        done = self.training.iteration
        where = "stopped before the first iteration"
        if done:
            where = f"stopped at iteration {done:,}, with a checkpoint in {self.folder.path}"
        return StoppedError(where, signal)

    def evaluator(self) -> Callable[[], PolicyResult]:
        """A function that evaluates the served policy for the learning curve."""
        training = self.training
        return self._evaluation.evaluator(
            training.agent.name, training.simulator, training.policy, self.schedule.eval_users
        )

    def learn(self) -> int:
        """Runs the remaining iterations; returns the signal that stopped it early, or 0."""
        schedule, training, devices = self.schedule, self.training, self._devices
        evaluate = self.evaluator()
        done = training.iteration
        bar = progress_bar(
            total=schedule.num_iterations,
            initial=done,
            unit="it",
            desc=training.agent.name,
            dynamic_ncols=True,
            mininterval=1.0,
            show=devices.is_chief,
        )
        with noting_signals() as stop, bar, self.summaries():
            if int(training.loop.replay.num_added()) == 0:
                training.collect(schedule.warmup_iterations)
            if done == 0:
                self.log({}, evaluate() if devices.is_chief else None)
            # All workers stop when one of them gets a signal.
            signal = devices.largest(stop.signal or 0)
            while done < schedule.num_iterations and not signal:
                ahead = schedule.next_call(done)
                scalars = training.advance(ahead)
                done = training.iteration
                signal = devices.largest(stop.signal or 0)
                result = None
                if devices.is_chief and schedule.is_due(schedule.eval_interval, done):
                    result = evaluate()
                    bar.set_postfix_str(f"return {result['return'].value:.1f}", refresh=False)
                self.log(scalars, result)
                bar.update(ahead)
                if signal or schedule.is_due(schedule.checkpoint_interval, done):
                    self.save()
            return signal or devices.largest(stop.signal or 0)

    def save(self) -> None:
        """Saves a checkpoint of the current iteration."""
        self._checkpoints.save(self.training.iteration)

    @contextlib.contextmanager
    def summaries(self) -> Iterator[None]:
        """Inside, what the chief logs goes to TensorBoard too."""
        if not self._devices.is_chief:
            yield
            return
        path = self.folder.path / "tensorboard"
        with (
            storing(path),
            contextlib.closing(tf.summary.create_file_writer(str(path))) as self._writer,
        ):
            yield

    def log(self, scalars: dict[str, float], result: PolicyResult | None) -> None:
        """Logs scalars of the current iteration, and an evaluation where there is one."""
        if not self._devices.is_chief:
            return
        if result is not None:
            scalars |= result.tags("eval")
        self.folder.append_metrics(self.training.row(scalars))
        with self._writer.as_default():
            for tag, value in scalars.items():
                tf.summary.scalar(tag, value, step=self.training.env_steps)
            # Before the checkpoint after which they are not written again.
            tf.summary.flush()

    def conclude(self) -> dict[str, Any]:
        """Evaluates every policy, writes the results and prints the table."""
        folder, training, env_steps = self.folder, self.training, self.training.env_steps
        results = training.evaluate(self._evaluation)
        seconds = float(training.progress.seconds.numpy())
        content = {
            **results.as_json(),
            "train": {
                "iterations": training.iteration,
                "env_steps": env_steps,
                "train_steps": int(training.progress.train_step.numpy()),
                "seconds": round(seconds, 1),
                "env_steps_per_second": round(env_steps / max(seconds, 1e-9)),
            },
        }
        folder.write(
            {
                "sessions.csv": outputs.sessions_table(results),
                "learning_curve.png": outputs.plot_learning_curve(
                    folder.metrics(), results, training.agent.name
                ),
                "policy": self._save_policy,
                "results.json": content,
            }
        )
        print(results)
        print(
            f"Trained for {training.iteration:,} iterations, {env_steps:,} user steps, in"
            f" {seconds:,.0f} s. Results in {folder.path}"
        )
        return content

    def _save_policy(self, folder: Path) -> None:
        """Writes the served policy as a SavedModel."""
        # TensorFlow warns of names and types that are TF-Agents' own.
        with quietly(), storing(folder):
            policy_saver.PolicySaver(self.training.policy, batch_size=None).save(str(folder))
            # TensorFlow may fail to remove them without an error.
            remove(folder / "variables" / "variables_temp")
