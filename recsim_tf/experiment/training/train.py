"""Training runs: learn, log, checkpoint, evaluate; again from where a run stopped."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gin
import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.policies import policy_saver, tf_policy
from tqdm import tqdm

from recsim_tf import replicas
from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.layers import Layer, LayeredSimulator, serve
from recsim_tf.core import random
from recsim_tf.core.sessions import SessionSource
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.types import Policy
from recsim_tf.experiment.evaluation import report, sessions
from recsim_tf.experiment.evaluation.evaluation import Evaluation, evaluate_all
from recsim_tf.experiment.evaluation.measures import PolicyResult
from recsim_tf.experiment.runs.errors import StoppedError, UsageError
from recsim_tf.experiment.runs.folder import RunDirectory, write_text
from recsim_tf.experiment.runs.stopping import noting_signals
from recsim_tf.experiment.training.checkpoints import RunCheckpoints
from recsim_tf.experiment.training.devices import cluster
from recsim_tf.experiment.training.loop import LearningLoop
from recsim_tf.policies import BASELINE_NAMES, baseline_policy

# (environment, train_step_counter) -> agent
CreateAgent = Callable[[SlateEnvironment, tf.Variable], tf_agent.TFAgent]


class _Progress(tf.Module):
    """How far a run has come, for its checkpoints."""

    def __init__(self):
        super().__init__(name="Progress")
        self.iteration = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.seconds = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        # Each replica counts its own.
        self.train_step = replicas.variable(tf.constant(0, tf.int64))


class Experiment(NamedTuple):
    """The parts of a run, built from its configuration."""

    simulator: Simulator
    agent: tf_agent.TFAgent
    policy: tf_policy.TFPolicy  # the agent's, with all layers, for the simulator itself
    loop: LearningLoop
    progress: _Progress
    checkpoint: tf.train.Checkpoint  # of the whole run
    agent_checkpoint: tf.train.Checkpoint  # of that, what evaluations need
    baselines: Sequence[tuple[str, Policy]]  # names for the table, and policies


@gin.configurable(module="recsim_tf")
def experiment(
    simulator: Simulator = gin.REQUIRED,
    create_agent: CreateAgent = gin.REQUIRED,
    layers: Sequence[Layer] = (),
    num_users: int = 2048,
    batch_size: int | None = 2048,
    replay_length: int = 50,
    train_steps_per_iteration: int = 1,
    collect_steps_per_iteration: int = 1,
    baselines: Sequence[str] = ("random",),
    seed: int = 0,
    jit_compile: bool = False,
    mixed_precision: str | None = None,
) -> Experiment:
    """What is trained, and on what.

    In the scope of a `tf.distribute` strategy the replicas share users and batches equally.

    Args:
      simulator: the environment.
      create_agent: builds the agent from the TF-Agents environment and a variable that counts train
        steps.
      layers: stand between the environment and the agent, the first one next to the environment;
        see `recsim_tf.agents.layers`. What is logged of the training is what the agent meets above
        them; evaluations are of the environment itself.
      num_users: users that are simulated at once.
      batch_size: transitions of a train step, or sequences of them where the agent learns from
        sequences, drawn from the replay; None for the newest of every user, which agents need that
        learn on-policy or count what they see, as bandits.
      replay_length: steps of each user that are kept for replay, at least 2.
      train_steps_per_iteration: train steps of an iteration.
      collect_steps_per_iteration: steps of all users in an iteration, before its train steps;
        agents that learn from each stretch of steps once, as `ReinforceSlateAgent`, need more than
        one.
      baselines: policies to compare with, of `recsim_tf.policies.BASELINES`: "random",
        "myopic", "oracle"; "greedy_pctr", "ucb1", "kl_ucb", "thompson" where documents have
        clusters.
      seed: an integer, of everything random.
      jit_compile: whether XLA compiles the learning loop, for accelerators above all. It draws
        other numbers than graph mode does.
      mixed_precision: None, or "mixed_bfloat16" for networks whose hidden layers compute in
        bfloat16, for accelerators; weights and values stay float32.
    """
    for name, value, least in (
        ("num_users", num_users, 1),
        *([] if batch_size is None else [("batch_size", batch_size, 1)]),
        ("replay_length", replay_length, 2),
        ("train_steps_per_iteration", train_steps_per_iteration, 1),
        ("collect_steps_per_iteration", collect_steps_per_iteration, 1),
    ):
        if value < least:
            raise UsageError(f"experiment.{name} must be at least {least}, got {value}")
    if mixed_precision not in (None, "mixed_bfloat16"):
        raise UsageError(
            f"experiment.mixed_precision must be None or mixed_bfloat16, got {mixed_precision!r}"
        )
    baseline_policies = [
        (BASELINE_NAMES.get(name, name), baseline_policy(name, simulator)) for name in baselines
    ]
    # Keras initialises weights from global generators.
    tf.keras.utils.set_random_seed(seed % 2**32)
    environment_seed, replay_seed = random.split_seed(random.as_seed(seed), 2)
    progress = _Progress()
    layered: SessionSource = simulator
    for layer in layers:
        layered = LayeredSimulator(layered, layer)
    environment = SlateEnvironment(
        layered,
        replicas.share("experiment.num_users", num_users),
        environment_seed,
        validate=simulator.validate,
    )
    with _layer_policy(mixed_precision or "float32"):
        agent = create_agent(environment, progress.train_step)
    agent.initialize()
    loop = LearningLoop(
        environment,
        agent,
        None if batch_size is None else replicas.share("experiment.batch_size", batch_size),
        replay_length,
        train_steps_per_iteration,
        replay_seed,
        collect_steps_per_iteration,
        jit_compile,
    )
    checkpoint = tf.train.Checkpoint(loop=loop, progress=progress)
    agent_checkpoint = tf.train.Checkpoint(loop=tf.train.Checkpoint(agent=agent), progress=progress)
    policy = serve(layered, agent.policy)
    return Experiment(
        simulator, agent, policy, loop, progress, checkpoint, agent_checkpoint, baseline_policies
    )


@contextlib.contextmanager
def _layer_policy(name: str) -> Iterator[None]:
    """Keras layers that are made inside have this dtype policy."""
    policy = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(policy)


@gin.configurable(module="recsim_tf", denylist=["run_dir"])
def train(
    run_dir: RunDirectory,
    num_iterations: int = 10_000,
    warmup_iterations: int = 10,
    log_interval: int = 100,
    eval_interval: int = 500,
    eval_users: int = 1000,
    checkpoint_interval: int = 1000,
    max_checkpoints: int = 2,
    strategy: str = "default",
) -> dict[str, Any] | None:
    """Trains the agent of the configured `experiment` and writes results into a folder; goes on
    from the folder's checkpoint.

    The folder receives config.gin, operative_config.gin, checkpoints/, metrics.jsonl, TensorBoard's
    tensorboard/, and at the end results.json, sessions.csv, learning_curve.png and the served
    policy as a SavedModel in policy/. With num_iterations=0 a policy that does not learn is
    evaluated, and returns.png takes the place of the curve.

    On several devices or machines each replica has its share of the users, of the replay and of a
    batch; gradients and metrics are summed. Worker 0, the chief, evaluates and writes; the other
    workers write their replicas' own part of a checkpoint, and wait for the chief.

    Args:
      run_dir: the folder.
      num_iterations: iterations of the whole run; raise it to extend a finished run.
      warmup_iterations: steps of all users before learning begins, at least 2.
      log_interval: iterations that run in one call; between two calls the metrics are logged.
      eval_interval: iterations between evaluations of the served policy, for the learning curve.
      eval_users: sessions of such an evaluation.
      checkpoint_interval: iterations between checkpoints.
      max_checkpoints: checkpoints that are kept; with several workers at least two are.
      strategy: "default", "mirrored", "multi_worker" or "tpu"; see
        `recsim_tf.experiment.training.devices.cluster`.

    Returns:
      The content of results.json; None from a worker that is not the chief.

    Raises:
      StoppedError: if SIGINT (Ctrl-C) or SIGTERM came, to any worker, once a checkpoint is saved.
      UsageError: for an argument out of range, or a checkpoint that cannot be read.
      WorkerLostError: if another worker stopped.
    """
    intervals = {
        "log_interval": log_interval,
        "eval_interval": eval_interval,
        "checkpoint_interval": checkpoint_interval,
    }
    for name, value, least in (
        *((n, v, 1) for n, v in intervals.items()),
        ("warmup_iterations", warmup_iterations, 2),
    ):
        if value < least:
            raise UsageError(f"train.{name} must be at least {least}, got {value}")
    devices = cluster(strategy)
    with devices.strategy.scope():
        parts = experiment()
    evaluation = Evaluation()
    checkpoints = RunCheckpoints(run_dir, parts.checkpoint, devices, max_checkpoints)
    restored = checkpoints.restore()
    if restored and devices.is_chief:
        print(
            f"Going on from iteration {int(parts.progress.iteration.numpy()):,} of"
            f" {num_iterations:,} in {run_dir.path}",
            flush=True,
        )
    done = int(parts.progress.iteration.numpy())
    if done > num_iterations:
        raise UsageError(
            f"train.num_iterations must be at least {done}, which the run in {run_dir.path} has"
            f" reached, got {num_iterations}"
        )
    with run_dir.claim(devices.index), devices.watched():
        if devices.is_chief:
            run_dir.rewind_metrics(done if restored else -1)
            write_text(run_dir.path / "operative_config.gin", gin.operative_config_str())
        signal = _learn(
            run_dir,
            parts,
            evaluation,
            num_iterations,
            warmup_iterations,
            intervals,
            eval_users,
            checkpoints,
            devices,
        )
        if signal:
            done = int(parts.progress.iteration.numpy())
            where = (
                f"stopped at iteration {done:,}, with a checkpoint in {run_dir.path}"
                if done
                else "stopped before the first iteration"
            )
            raise StoppedError(where, signal)
        content = _conclude(run_dir, parts, evaluation) if devices.is_chief else None
        # The others leave when the results are there: a worker that is gone is a lost one.
        devices.largest(0)
        return content


def _learn(
    run_dir,
    parts,
    evaluation,
    num_iterations,
    warmup_iterations,
    intervals,
    eval_users,
    checkpoints,
    devices,
) -> int:
    """Runs the remaining iterations; the iteration is always a multiple of an interval or the end
    when something is due.

    Returns:
      The signal that stopped it before the end, or 0.
    """
    progress, loop = parts.progress, parts.loop
    done = int(progress.iteration.numpy())
    if num_iterations == 0:
        # A fixed policy: a checkpoint makes it a run that can be evaluated as any other.
        checkpoints.save(done)
        return 0
    evaluate = evaluation.evaluator(parts.agent.name, parts.simulator, parts.policy, eval_users)
    bar = tqdm(
        total=num_iterations,
        initial=done,
        unit="it",
        desc=parts.agent.name,
        dynamic_ncols=True,
        mininterval=1.0,
        disable=not devices.is_chief,
    )
    with noting_signals() as stop, _chief_writer(run_dir, devices), bar:
        if done == 0:
            loop.collect(warmup_iterations)
            loop.metrics.read_and_clear(1.0)
            if devices.is_chief:
                _log(run_dir, parts, 0, _evaluation_tags(evaluate()))
        # All workers stop where one is told to.
        signal = devices.largest(stop.signal or 0)
        while done < num_iterations and not signal:
            ahead = min(
                num_iterations - done,
                *(interval - done % interval for interval in intervals.values()),
            )
            started = time.perf_counter()
            loss_info = loop.run(ahead)
            seconds = time.perf_counter() - started
            done += ahead
            progress.iteration.assign(done)
            progress.seconds.assign_add(seconds)
            scalars = {**loop.metrics.read_and_clear(seconds), **_loss_tags(loss_info)}
            signal = devices.largest(stop.signal or 0)
            if devices.is_chief:
                if done % intervals["eval_interval"] == 0 or done == num_iterations:
                    scalars |= _evaluation_tags(evaluate())
                    bar.set_postfix_str(
                        f"return {scalars['AverageEpisodeRewards/eval']:.1f}", refresh=False
                    )
                _log(run_dir, parts, done, scalars)
            bar.update(ahead)
            if done % intervals["checkpoint_interval"] == 0 or done == num_iterations or signal:
                checkpoints.save(done)
    return signal


@contextlib.contextmanager
def _chief_writer(run_dir, devices) -> Iterator[None]:
    """Inside, summaries of the chief go to TensorBoard."""
    if not devices.is_chief:
        yield
        return
    writer = tf.summary.create_file_writer(str(run_dir.path / "tensorboard"))
    with writer.as_default():
        yield
    writer.close()


def _log(run_dir, parts, done: int, scalars: dict[str, float]) -> None:
    env_steps = done * parts.loop.user_steps_per_iteration
    row = {
        "iteration": done,
        "env_steps": env_steps,
        "seconds": round(float(parts.progress.seconds.numpy()), 3),
        **scalars,
    }
    run_dir.append_metrics(row)
    for tag, value in scalars.items():
        tf.summary.scalar(tag, value, step=env_steps)


def _loss_tags(loss_info) -> dict[str, float]:
    parts = loss_info.extra._asdict() if hasattr(loss_info.extra, "_asdict") else {}
    return {
        "Losses/Loss": float(loss_info.loss),
        **{f"Losses/{name}": float(value) for name, value in parts.items()},
    }


def _evaluation_tags(result: PolicyResult) -> dict[str, float]:
    return {**result.tags("eval"), "StandardError/eval": result.standard_error}


def _conclude(run_dir: RunDirectory, parts: Experiment, evaluation: Evaluation) -> dict[str, Any]:
    """Evaluates every policy, writes the results and prints the table."""
    path: Path = run_dir.path
    results = evaluate_all(
        evaluation, parts.simulator, parts.baselines, parts.agent.name, parts.policy
    )
    iterations, seconds = (
        int(parts.progress.iteration.numpy()),
        float(parts.progress.seconds.numpy()),
    )
    env_steps = iterations * parts.loop.user_steps_per_iteration
    content = {
        "policies": [result.as_json() for result in results],
        "train": {
            "iterations": iterations,
            "env_steps": env_steps,
            "train_steps": int(parts.progress.train_step.numpy()),
            "seconds": round(seconds, 1),
            "env_steps_per_second": round(env_steps / max(seconds, 1e-9)),
        },
    }
    write_text(path / "results.json", json.dumps(content, indent=2) + "\n")
    sessions.write_sessions(path / "sessions.csv", results)
    report.write_plots(path, run_dir.metrics(), results, parts.agent.name)
    policy_saver.PolicySaver(parts.policy, batch_size=None).save(str(path / "policy"))
    print(report.results_table(results))
    trained = (
        f"Trained for {iterations:,} iterations, {env_steps:,} user steps, in {seconds:,.0f} s. "
        if iterations
        else ""
    )
    print(f"{trained}Results in {path}")
    return content
