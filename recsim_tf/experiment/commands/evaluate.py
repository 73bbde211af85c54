# SPDX-License-Identifier: Apache-2.0
"""`recsim-tf evaluate`: the agent of a run and its baselines, also while another process trains."""

import contextlib
import math
import time
from collections.abc import Iterator

import tensorflow as tf

from recsim_tf.evaluation import outputs
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.evaluation.policy_results import Results
from recsim_tf.experiment.runs.folder import RunDirectory
from recsim_tf.support import checkpoints
from recsim_tf.support.errors import UsageError
from recsim_tf.support.files import append_json, require_writable
from recsim_tf.support.outputs import write_files, write_folder, write_shared_file
from recsim_tf.training.training import Training


def run_evaluation(folder: RunDirectory, training: Training, evaluation: Evaluation) -> Results:
    """Evaluates the agent of a run and its baselines from the newest checkpoint; prints the table.

    The sessions go into evaluations/sessions-<iteration>.csv. Where values or seeds are compared,
    results.json, sessions.csv and, for one numeric parameter, values.png go into a new folder
    evaluations/comparison-<iteration> or evaluations/comparison-<iteration>-<number> instead. The
    agent was trained without the values; the baselines are made for each of them. Raises a
    UsageError if there is no checkpoint, or if the environment cannot take the values.
    """
    if not folder.restore_latest(training.agent_checkpoint, whole=False):
        raise UsageError(f"root_dir {folder.path} has no checkpoint to evaluate")
    written = folder.path / "evaluations"
    require_writable(written)
    with evaluation.scope():
        results = evaluation.results(training.simulator, training.policies)
    sessions = outputs.sessions_table(results)
    if results[0].setting is None:
        write_shared_file(written / f"sessions-{training.iteration}.csv", sessions)
    else:
        files = {
            "results.json": results.as_json(),
            "sessions.csv": sessions,
            "values.png": outputs.plot_values(results),
        }
        write_folder(written / f"comparison-{training.iteration}", files, numbered=True)
    print(results)
    return results


def watch_run(
    folder: RunDirectory,
    training: Training,
    evaluation: Evaluation,
    num_iterations: int,
    timeout: float = 3600.0,
) -> int:
    """Evaluates the agent at every new checkpoint of a run, as RecSim's `EvalRunner` does.

    It always takes the newest checkpoint; those that come and go during an evaluation are left out.
    All checkpoints meet the same users. The training process is not held up: this one takes no
    lock. It writes evaluations.jsonl, TensorBoard's tensorboard_evaluate/ and
    evaluations/agent_sessions-<iteration>.csv into the folder. A later call begins with the newest
    checkpoint again, and adds to these files.

    Args:
      folder, training, evaluation: the arguments of `run_evaluation`.
      num_iterations: the iteration of the last checkpoint.
      timeout: the number of seconds without a new checkpoint after which it ends.

    Returns:
      The number of evaluated checkpoints, at least one.

    Raises:
      UsageError: if `timeout` is not a positive number, if there was no checkpoint in that time, or
        if there is one that cannot be read.
    """
    if not 0 < timeout < math.inf:
        raise UsageError(f"watch_timeout must be a positive number of seconds, got {timeout}")
    evaluate = evaluation.evaluator(training.agent.name, training.simulator, training.policy)
    written = folder.path / "evaluations"
    require_writable(written)
    writer = tf.summary.create_file_writer(str(folder.path / "tensorboard_evaluate"))
    evaluated = 0
    with contextlib.closing(writer):
        for _ in _restored(folder, training, timeout):
            iteration, env_steps = training.iteration, training.env_steps
            started = time.perf_counter()
            result = evaluate()
            seconds = time.perf_counter() - started
            steps = max(result["steps"].value * result.episodes, 1)
            scalars = {**result.tags("eval"), "TimePerStep/eval": seconds / steps}
            with writer.as_default():
                for tag, value in scalars.items():
                    tf.summary.scalar(tag, value, step=env_steps)
            writer.flush()
            sessions = outputs.sessions_table([result])
            write_files(written, {f"agent_sessions-{iteration}.csv": sessions})
            row = {"iteration": iteration, "env_steps": env_steps, **scalars}
            append_json(folder.path / "evaluations.jsonl", row)
            evaluated += 1
            print(
                f"{result.name} at iteration {iteration:,}: return {result['return'].value:.2f} ±"
                f" {scalars['StandardError/eval']:.2f}, session length {result['steps'].value:.2f},"
                f" click rate {result['click_rate'].value:.4f}",
                flush=True,
            )
            if iteration >= num_iterations:
                break
    if not evaluated:
        raise UsageError(
            f"root_dir {folder.path} had no checkpoint within --watch_timeout={timeout:g} seconds"
        )
    return evaluated


def _restored(folder: RunDirectory, training: Training, timeout: float) -> Iterator[None]:
    """Restores each newest checkpoint in turn; one that was deleted meanwhile is left out."""
    for number in checkpoints.watch(folder.checkpoints, timeout):
        try:
            checkpoints.restore(
                folder.checkpoints, number, checkpoints.RUN, training.agent_checkpoint, whole=False
            )
        except checkpoints.CorruptError:
            if number in checkpoints.numbers(folder.checkpoints):
                raise
            continue
        yield
