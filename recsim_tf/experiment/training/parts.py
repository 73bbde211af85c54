"""The parts of a training, as a configuration describes them."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import gin
import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.policies import tf_policy

from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.agents.layers import Layer, LayeredSimulator, serve
from recsim_tf.core import random
from recsim_tf.core.base import validation
from recsim_tf.core.checks import check
from recsim_tf.core.runs import replicas
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.step.session_source import SessionSource
from recsim_tf.evaluation.baselines import (
    AnyPolicy,
    Baseline,
    Baselines,
    baseline_policies,
    named_baselines,
)
from recsim_tf.experiment.training.loop import AUTO, Iteration, LearningLoop
from recsim_tf.support.errors import UsageError

# (environment, train_step_counter) -> agent
CreateAgent = Callable[[SlateEnvironment, tf.Variable], tf_agent.TFAgent]


class Progress(tf.Module):
    """The progress of a run, for its checkpoints."""

    def __init__(self):
        super().__init__(name="Progress")
        self.iteration = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.seconds = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        # Each replica counts its own.
        self.train_step = replicas.variable(tf.constant(0, tf.int64))


class Experiment(NamedTuple):
    """The parts of a run, built from its configuration."""

    simulator: Simulator
    layered: SessionSource  # the simulator below all layers, as the agent meets it
    agent: tf_agent.TFAgent
    policy: tf_policy.TFPolicy  # the agent's, with all layers, for the simulator itself
    loop: LearningLoop
    progress: Progress
    checkpoint: tf.train.Checkpoint  # of the run but the frames of the replay
    agent_checkpoint: tf.train.Checkpoint  # the part that evaluations need
    baselines: Mapping[str, Baseline]  # by their names in tables

    @property
    def iteration(self) -> int:
        """Iterations so far."""
        # By NumPy: a variable of several replicas has no conversion of its own.
        return int(self.progress.iteration.numpy())

    @property
    def env_steps(self) -> int:
        """User steps that were simulated for learning so far."""
        return self.iteration * self.loop.user_steps_per_iteration

    def policies(self, simulator: Simulator) -> dict[str, AnyPolicy]:
        """The policies to evaluate, by name: the baselines, made for a simulator, and last the
        agent, in place of a baseline of its name. Raises a ValueError for an unknown baseline, or
        one that is not for this environment.
        """
        baselines = baseline_policies(self.baselines, simulator)
        baselines.pop(self.agent.name, None)
        return {**baselines, self.agent.name: self.policy}


@gin.configurable(module="recsim_tf")
def experiment(
    simulator: Simulator = gin.REQUIRED,
    create_agent: CreateAgent = gin.REQUIRED,
    layers: Sequence[Layer] = (),
    num_users: int = 2048,
    learning: Iteration | None = None,
    baselines: Baselines = ("random",),
    seed: int = 0,
    mixed_precision: str | None = None,
) -> Experiment:
    """Builds the agent, its environment, and the loop that trains it.

    In the scope of a `tf.distribute` strategy each replica takes an equal share of users and batch.

    Args:
      simulator: the environment.
      create_agent: builds the agent from the TF-Agents environment and a variable that counts train
        steps.
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

    Raises:
      ValueError: for an argument out of range, or a baseline that is not for this environment.
    """
    validation.check_count(**{"experiment.num_users": num_users})
    learning = learning or Iteration()
    if learning.replay_length != AUTO:
        validation.check_at_least(2, **{"Iteration.replay_length": learning.replay_length})
    if mixed_precision not in (None, "mixed_bfloat16"):
        raise UsageError(
            f"experiment.mixed_precision must be None or mixed_bfloat16, got {mixed_precision!r}"
        )
    if not callable(create_agent):
        raise UsageError(f"experiment.create_agent must be a function, got {create_agent!r}")
    for layer in layers:
        if not isinstance(layer, Layer):
            raise UsageError(
                f"experiment.layers must be a tuple of layers, got {validation.kind_of(layer)}"
            )
    run_seed = random.as_seed(seed)
    # Keras initialises weights from global generators.
    tf.keras.utils.set_random_seed(seed % 2**32)
    check(simulator)
    environment_seed, replay_seed = random.split_seed(run_seed, 2)
    progress = Progress()
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
    if not isinstance(agent, tf_agent.TFAgent):
        raise UsageError(
            f"the agent of experiment.create_agent must be a TFAgent, got {type(agent).__name__}"
        )
    agent.initialize()
    loop = LearningLoop(environment, agent, learning, replay_seed)
    parts = Experiment(
        simulator,
        layered,
        agent,
        serve(layered, agent.policy),
        loop,
        progress,
        tf.train.Checkpoint(loop=loop.checkpoint(), progress=progress),
        tf.train.Checkpoint(loop=tf.train.Checkpoint(agent=agent), progress=progress),
        named_baselines("experiment.baselines", baselines),
    )
    # Their errors belong before the training, which needs them at its end.
    parts.policies(simulator)
    return parts


@contextlib.contextmanager
def _layer_policy(name: str) -> Iterator[None]:
    """Keras layers that are made inside have this dtype policy."""
    policy = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(policy)
