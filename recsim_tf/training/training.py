# SPDX-License-Identifier: Apache-2.0
"""The training of an agent, in one graph with the simulation."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tensorflow as tf
from tf_agents.agents import tf_agent

from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.layers import Kinds, Layer, LayeredSimulator, serve
from recsim_tf.agents.shared.features import sees_kinds
from recsim_tf.agents.shared.kinds import have_kinds
from recsim_tf.core import random
from recsim_tf.core.base.arguments import AtLeast, Count, checked, configurable, require
from recsim_tf.core.checks import check
from recsim_tf.core.runs import replicas
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step.session_source import SessionSource
from recsim_tf.evaluation import outputs
from recsim_tf.evaluation.baselines import (
    AnyPolicy,
    Baselines,
    baseline_policies,
    named_baselines,
)
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.evaluation.policy_results import Results
from recsim_tf.support import checkpoints
from recsim_tf.support.errors import UsageError
from recsim_tf.support.progress import progress_bar
from recsim_tf.support.stopping import noting_signals
from recsim_tf.support.tables import frame
from recsim_tf.training.checkpoints import TrainingCheckpoints
from recsim_tf.training.devices import Devices
from recsim_tf.training.loop import Iteration, LearningLoop

# (environment, train_step_counter) -> agent
CreateAgent = Callable[[SlateEnvironment, tf.Variable], tf_agent.TFAgent]
# Steps of all users before the first train step, if the agent needs no more.
_WARMUP = 10


class Progress(tf.Module):
    """The progress of a training, for its checkpoints."""

    def __init__(self):
        super().__init__(name="Progress")
        self.iteration = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.seconds = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        # Each replica counts its own.
        self.train_step = replicas.variable(tf.constant(0, tf.int64))


@configurable("experiment", module="recsim_tf")
class Training:
    """An agent that learns to recommend to simulated users; in gin files `experiment`.

        training = Training(simulator, create_slate_q)
        training.run(200)
        print(training.evaluate())

    In the scope of a `tf.distribute` strategy each replica takes an equal share of users and batch.

    Args:
      simulator: the environment.
      create_agent: a function of the TF-Agents environment and of a variable that counts train
        steps, which builds the agent: one of `recsim_tf.agents`, such as `create_slate_q`, its
        options by `functools.partial`, or a function of your own that returns a `TFAgent`.
      layers: stand between the environment and the agent, the first one next to the environment;
        see `recsim_tf.agents.layers`. The metrics of the training are of what the agent sees above
        them; evaluations are of the environment itself.
      num_users: users that are simulated at once.
      learning: the settings of an iteration; None for `Iteration()`.
      baselines: policies to compare with, of `recsim_tf.policies.BASELINES`: "random",
        "myopic", "oracle"; "greedy_pctr", "ucb1", "kl_ucb", "thompson" where documents have
        clusters. Also functions or classes that make a policy from the simulator. Or all of these
        by the names that tables show.
      seed: an integer, of everything random.
      mixed_precision: None, or "mixed_bfloat16" for networks whose hidden layers compute in
        bfloat16, for accelerators; weights and values stay float32.

    Attributes:
      simulator: the environment.
      layered: the environment below all layers, as the agent meets it.
      agent: the agent.
      policy: the agent's policy of TF-Agents, with all layers, for the environment itself.
      loop: the `LearningLoop`, for a loop of your own.
      progress: the variables that count iterations, seconds and train steps.
      checkpoint: a checkpoint of the training without the frames of the replay.
      agent_checkpoint: a checkpoint of what evaluations need.
      baselines: the baselines by their names in tables.

    Raises:
      ValueError: for an argument out of range, or a baseline that is not for this environment.
    """

    def __init__(
        self,
        simulator: Simulator,
        create_agent: CreateAgent,
        layers: Sequence[Layer] = (),
        num_users: Count = 2048,
        learning: Iteration | None = None,
        baselines: Baselines = ("random",),
        seed: int = 0,
        mixed_precision: Literal["mixed_bfloat16"] | None = None,
    ):
        learning = learning or Iteration()
        run_seed = random.as_seed(seed)
        # Keras initialises weights from global generators.
        tf.keras.utils.set_random_seed(seed % 2**32)
        check(simulator)
        environment_seed, replay_seed = random.split_seed(run_seed, 2)
        self.simulator, self.progress = simulator, Progress()
        self.layered: SessionSource = simulator
        if sees_kinds(create_agent) and have_kinds(simulator.documents):
            layers = (Kinds(simulator), *layers)
        for layer in layers:
            self.layered = LayeredSimulator(self.layered, layer)
        environment = SlateEnvironment(
            self.layered,
            replicas.share("experiment.num_users", num_users),
            environment_seed,
            validate=simulator.validate,
        )
        with _layer_policy(mixed_precision or "float32"):
            self.agent = create_agent(environment, self.progress.train_step)
        if not isinstance(self.agent, tf_agent.TFAgent):
            raise UsageError(
                "the agent of experiment.create_agent must be a TFAgent, got"
                f" {type(self.agent).__name__}"
            )
        self.agent.initialize()
        self.loop = LearningLoop(environment, self.agent, learning, replay_seed)
        self.policy = serve(self.layered, self.agent.policy)
        # `ope` refuses to judge it by the sessions that its environment was fitted to.
        self.policy.learned_from = simulator.fitted_to
        self.checkpoint = tf.train.Checkpoint(loop=self.loop.checkpoint(), progress=self.progress)
        self.agent_checkpoint = tf.train.Checkpoint(
            loop=tf.train.Checkpoint(agent=self.agent), progress=self.progress
        )
        self.baselines = named_baselines("experiment.baselines", baselines)
        # Their errors belong before the training, which needs them at its end.
        self.policies(simulator)
        self._devices = Devices(tf.distribute.get_strategy())
        self._rows: list[dict[str, float]] = []
        self._has_failed = False

    @property
    def iteration(self) -> int:
        """Iterations so far."""
        # By NumPy: a variable of several replicas has no conversion of its own.
        return int(self.progress.iteration.numpy())

    @property
    def env_steps(self) -> int:
        """User steps that were simulated for learning so far."""
        return self.iteration * self.loop.user_steps_per_iteration

    @property
    def metrics(self) -> Any:
        """A DataFrame with a row for each `log_interval` of `run`: iterations, user steps, seconds,
        and scalars of the sessions and the losses since the row before.

        Raises:
          ImportError: if pandas is not installed.
        """
        return frame(self._rows)

    def policies(self, simulator: Simulator) -> dict[str, AnyPolicy]:
        """The policies to evaluate, by name: the baselines, made for a simulator, and last the
        agent, in place of a baseline of its name. Raises a ValueError for an unknown baseline, or
        one that is not for this environment.
        """
        baselines = baseline_policies(self.baselines, simulator)
        baselines.pop(self.agent.name, None)
        return {**baselines, self.agent.name: self.policy}

    def collect(self, num_iterations: int | None = None) -> None:
        """Steps all users without learning, so that the agent's first train steps find enough
        frames in the replay. `run` does so if it is the first call.

        Args:
          num_iterations: number of iterations; None for ten, or as many more as the agent needs.

        Raises:
          ValueError: for fewer than the agent still needs.
        """
        least = max(self.loop.least_collected - int(self.loop.replay.num_added()), 1)
        number = max(_WARMUP, least) if num_iterations is None else num_iterations
        require("num_iterations", number, Annotated[int, AtLeast(least)])
        self.loop.collect(number)
        self.loop.metrics.read_and_clear(1.0)

    @checked
    def advance(self, num_iterations: Count) -> dict[str, float]:
        """Runs iterations in one call of the compiled loop.

        Args:
          num_iterations: number of iterations, at least 1.

        Returns:
          The scalars of the sessions and of the losses since the last call, by name.

        Raises:
          ValueError: for fewer than one iteration, or after a call that failed.
        """
        if self._has_failed:
            raise ValueError(
                "the training failed half-way through a call: restore it, or make it anew"
            )
        if int(self.loop.replay.num_added()) == 0:
            self.collect()
        started, self._has_failed = time.perf_counter(), True
        loss_info = self.loop.run(num_iterations)
        self._has_failed = False
        seconds = time.perf_counter() - started
        self.progress.iteration.assign_add(num_iterations)
        self.progress.seconds.assign_add(seconds)
        # Agents without parts of a loss have () there.
        parts = loss_info.extra._asdict() if loss_info.extra else {}
        losses = {f"Losses/{name}": float(value) for name, value in parts.items()}
        loss = {"Losses/Loss": float(loss_info.loss)}
        return {**self.loop.metrics.read_and_clear(seconds), **loss, **losses}

    def row(self, scalars: Mapping[str, float]) -> dict[str, float]:
        """Scalars of the current iteration, with its number, its user steps and its seconds."""
        seconds = round(float(self.progress.seconds.numpy()), 3)
        counts = {"iteration": self.iteration, "env_steps": self.env_steps, "seconds": seconds}
        return {**counts, **scalars}

    @checked
    def run(
        self,
        num_iterations: Count,
        *,
        log_interval: Count = 50,
        evaluation: Evaluation | None = None,
        progress: bool = True,
    ) -> None:
        """Trains the agent on. A second call goes on where the first ended. Ctrl-C ends it after
        the running interval, without a loss.

        Args:
          num_iterations: number of iterations, at least 1.
          log_interval: iterations between two rows of `metrics`.
          evaluation: an evaluation of the served policy at each row, for `plot`; None for none.
          progress: whether to show a progress bar.

        Raises:
          ValueError: for fewer than one iteration, or after a call that failed.
          KeyboardInterrupt: after Ctrl-C.
        """
        evaluate = None
        if evaluation is not None:
            evaluate = evaluation.evaluator(self.agent.name, self.simulator, self.policy)
        bar = progress_bar(total=num_iterations, unit="it", desc=self.agent.name, show=progress)
        left = num_iterations
        with noting_signals() as stop, bar:
            while left and not stop.signal:
                ahead = min(log_interval, left)
                scalars = self.advance(ahead)
                if evaluate is not None:
                    scalars |= evaluate().tags("eval")
                self._rows.append(self.row(scalars))
                left -= ahead
                bar.update(ahead)
        if stop.signal:
            raise KeyboardInterrupt(f"stopped at iteration {self.iteration:,}")

    def evaluate(self, evaluation: Evaluation | None = None) -> Results:
        """Results of the agent and of the baselines in the environment.

        Args:
          evaluation: the evaluation; None for `Evaluation()`.
        """
        evaluation = evaluation or Evaluation()
        return evaluation.evaluate(self.simulator, self.policies(self.simulator))

    @checked
    def plot(self, results: Results) -> Any:
        """A figure of Matplotlib: the return of the agent during the training, where `run` was
        given an evaluation, beside the other policies of `evaluate`.

        Raises:
          ImportError: if Matplotlib is not installed.
        """
        return outputs.plot_learning_curve(self._rows, results, self.agent.name)

    def checkpoints(self, folder: Path, devices: Devices, max_to_keep: int) -> TrainingCheckpoints:
        """The checkpoints of the training in a folder."""
        return TrainingCheckpoints(folder, self.loop, self.checkpoint, devices, max_to_keep)

    @checked
    def save(self, folder: str | os.PathLike) -> None:
        """Writes a checkpoint of the training, with its replay, in place of an older one. Raises an
        OSError if it cannot be written.
        """
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.checkpoints(Path(folder), self._devices, 1).save(self.iteration)

    @checked
    def restore(self, folder: str | os.PathLike) -> None:
        """Goes to the checkpoint of `save`, or to the newest in the folder checkpoints of a run of
        `recsim-tf train`. Rows of `metrics` begin anew.

        Raises:
          ValueError: for a folder without a checkpoint, or with one of another simulator or agent.
        """
        numbers = checkpoints.numbers(Path(folder))
        if not numbers:
            raise ValueError(f"folder must have a checkpoint of a training, {folder} has none")
        self._rows, self._has_failed = [], True
        # All checkpoints stay: the folder may be that of a run.
        self.checkpoints(Path(folder), self._devices, len(numbers)).restore()
        self._has_failed = False


@contextlib.contextmanager
def _layer_policy(name: str) -> Iterator[None]:
    """Keras layers that are made inside have this dtype policy."""
    policy = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(policy)
