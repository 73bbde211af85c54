"""Evaluation of a run while another process trains it."""

import inspect
import json
import math
import time
from collections.abc import Iterator

import gin
import tensorflow as tf

from recsim_tf.experiment.evaluation import sessions
from recsim_tf.experiment.evaluation.evaluation import Evaluation
from recsim_tf.experiment.runs.errors import UsageError
from recsim_tf.experiment.runs.folder import RunDirectory, restore
from recsim_tf.experiment.training.train import Experiment, train


def configured_iterations() -> int:
    """`train.num_iterations` of the loaded configuration."""
    default = inspect.signature(train).parameters["num_iterations"].default
    return gin.get_bindings(train).get("num_iterations", default)


def watch(
    run_dir: RunDirectory,
    parts: Experiment,
    evaluation: Evaluation,
    num_iterations: int,
    timeout: float = 3600.0,
) -> int:
    """Evaluates the agent at every new checkpoint of a run, RecSim's `EvalRunner`.

    Only the newest checkpoint is looked at: those that come and go during an evaluation are left
    out. All of them meet the same users. The process that trains is not held up: this one takes no
    lock, and writes only evaluations.jsonl, TensorBoard's tensorboard_evaluate/ and
    evaluations/agent_sessions-<iteration>.csv into the folder. A later call begins with the newest
    checkpoint again, and adds to what is there.

    Args:
      run_dir: the folder.
      parts: of the same configuration; its agent is restored from the checkpoints.
      evaluation: of each checkpoint.
      num_iterations: ends with the checkpoint of this iteration.
      timeout: ends after so many seconds without a new checkpoint.

    Returns:
      The number of evaluated checkpoints.

    Raises:
      UsageError: if `timeout` is not a positive number, or for a checkpoint that is there and
        cannot be read.
    """
    if not 0 < timeout < math.inf:
        raise UsageError(f"watch_timeout must be a positive number of seconds, got {timeout}")
    evaluate = evaluation.evaluator(parts.agent.name, parts.simulator, parts.policy)
    writer = tf.summary.create_file_writer(str(run_dir.path / "tensorboard_evaluate"))
    evaluated = 0
    for _ in _restored(run_dir, parts, timeout):
        iteration = int(parts.progress.iteration.numpy())
        env_steps = iteration * parts.loop.user_steps_per_iteration
        started = time.perf_counter()
        result = evaluate()
        seconds = time.perf_counter() - started
        steps = max(result.mean_length * result.episodes, 1)
        scalars = {
            **result.tags("eval"),
            "StandardError/eval": result.standard_error,
            "TimePerStep/eval": seconds / steps,
        }
        with writer.as_default():
            for tag, value in scalars.items():
                tf.summary.scalar(tag, value, step=env_steps)
        writer.flush()
        sessions.write_sessions(
            run_dir.path / "evaluations" / f"agent_sessions-{iteration}.csv", [result]
        )
        with open(run_dir.path / "evaluations.jsonl", "a", encoding="utf-8") as file:
            file.write(
                json.dumps({"iteration": iteration, "env_steps": env_steps, **scalars}) + "\n"
            )
        evaluated += 1
        print(
            f"{result.name} at iteration {iteration:,}: return {result.mean_return:.2f} ±"
            f" {result.standard_error:.2f}, session length {result.mean_length:.2f}, click rate"
            f" {result.click_rate:.4f}",
            flush=True,
        )
        if iteration >= num_iterations:
            break
    writer.close()
    return evaluated


def _restored(run_dir: RunDirectory, parts: Experiment, timeout: float) -> Iterator[None]:
    """Restores each newest checkpoint in turn; one that was deleted meanwhile is passed over."""
    for path in tf.train.checkpoints_iterator(str(run_dir.path / "checkpoints"), timeout=timeout):
        try:
            restore(parts.agent_checkpoint, path, whole=False)
        except UsageError:
            if _is_complete(path):
                raise
            continue
        yield


def _is_complete(path: str) -> bool:
    """Whether the checkpoint's files are there: the training process deletes them one by one."""
    return bool(tf.io.gfile.glob(f"{path}.index")) and bool(tf.io.gfile.glob(f"{path}.data-*"))
