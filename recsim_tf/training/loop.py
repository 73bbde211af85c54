# SPDX-License-Identifier: Apache-2.0
"""The learning loop: collection, replay and training in one compiled function."""

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any, Literal

import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.trajectories import trajectory

from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.core.base.arguments import AtLeast, Count, configurable
from recsim_tf.core.base.types import Nest, Seed
from recsim_tf.core.runs import replicas
from recsim_tf.core.runs.execution import compiled
from recsim_tf.core.targets import only_cpu
from recsim_tf.training.collect_metrics import CollectMetrics
from recsim_tf.training.replay import SeededReplayBuffer

AUTO: Literal["auto"] = "auto"


@configurable(module="recsim_tf")
@dataclasses.dataclass(frozen=True)
class Iteration:
    """The steps in which an iteration of a training collects and learns. A value "auto" suits the
    agent, which learns from T = `agent.train_sequence_length` frames at a time.

    Args:
      batch_size: transitions of a train step, drawn from the replay, or sequences of them where the
        agent learns from sequences. None for the newest of every user: agents that learn on-policy
        and bandits, which count what they see, need that. "auto" is None for these, else 2048.
      replay_length: steps of each user that are kept for replay, at least 2. "auto" is 50, or T if
        that is more.
      train_steps: the train steps of an iteration.
      collect_steps: steps of all users in an iteration, before its train steps. "auto" is T - 1 for
        agents that learn on-policy, which then learn from each stretch of steps once; else 1.
      jit_compile: whether XLA compiles the learning loop, which pays on accelerators above all.
        XLA draws other numbers than graph mode, checks no slates, and needs static shapes.

    Raises:
      ValueError: for a number that is not positive.
    """

    batch_size: Count | Literal["auto"] | None = AUTO
    replay_length: Annotated[int, AtLeast(2)] | Literal["auto"] = AUTO
    train_steps: Count = 1
    collect_steps: Count | Literal["auto"] = AUTO
    jit_compile: bool = False

    def sizes(self, agent: tf_agent.TFAgent) -> tuple[Any, ...]:
        """The batch size, the length of the replay and the collect steps for an agent."""
        length, on_policy = agent.train_sequence_length or 1, getattr(agent, "on_policy", False)
        sizes: dict[str, Any] = {
            "batch_size": None if on_policy else 2048,
            "replay_length": max(50, length),
            "collect_steps": max(length - 1, 1) if on_policy else 1,
        }
        sizes |= {name: getattr(self, name) for name in sizes if getattr(self, name) != AUTO}
        return tuple(sizes.values())


class LearningLoop(tf.Module):
    """Steps all users, stores what happened, and trains on it, as often as one call asks.

    Python takes no part between the iterations of a call. All state is in variables, which
    `checkpoint` and `replay.checkpoint` hold. Between calls they agree with each other; a call
    that fails leaves each of them as far as it had come. Within a call the users and the state of
    the collect policy are tensors; frames, metrics, seeds and what the agent learns stay in
    variables, which graph mode updates in place and XLA carries itself.

    A train step takes sequences of T = `agent.train_sequence_length` frames, of one frame where the
    agent leaves the length open. They are the newest T frames of every user, or are drawn from the
    replay, see `Iteration`. In graph mode a single collect step stores its frames after the draws,
    so that cores compute the step beside the train steps. With one train step an iteration and the
    newest frames, an agent with T = 1 meets every frame exactly once, and one with T = 2 every pair
    of frames. An agent that learns from T frames at a time, each pair once, needs T - 1 collect
    steps an iteration. What `collect` stores before the first sequence is not trained on.

    Made in the scope of a `tf.distribute` strategy, each of its replicas has B users, a replay and
    metrics of its own, and trains on sequences from its own replay; the agent sums their gradients.
    The strategy runs each step inside the loop: an update of variables that the replicas share
    cannot be inside a loop that the strategy runs.

    Args:
      environment: B users, of each replica.
      agent: trains on [batch_size, T], or on [B, T] for batch_size None.
      learning: the settings of an iteration; replicas share its batch.
      seed: the seed of the replay, an integer or int32 [2].

    Attributes:
      collect_function, run_function: the compiled functions of a number of iterations, int32 [],
        behind `collect` and `run`.
      least_collected: steps of all users that must be collected before the first iteration.
      train_step: takes nothing and gives the loss of a train step, inside a compiled function.

    Raises:
      ValueError: if the replay is shorter than a sequence, if a batch size is given with an agent
        whose `on_policy` is true, or if XLA is asked for with several replicas.
    """

    def __init__(
        self,
        environment: SlateEnvironment,
        agent: Any,
        learning: Iteration,
        seed: Seed,
    ):
        super().__init__(name="LearningLoop")
        self._sequence_length = sequence_length = agent.train_sequence_length or 1
        batch_size, replay_length, collect_steps = learning.sizes(agent)
        if replay_length < sequence_length:
            raise ValueError(
                "Iteration.replay_length must be at least the agent's"
                f" train_sequence_length={sequence_length}, got {replay_length}"
            )
        if batch_size is not None and getattr(agent, "on_policy", False):
            raise ValueError(
                f"Iteration.batch_size must be None for {agent.name}, which is to see the newest"
                f" frames, each once, got {batch_size}"
            )
        if batch_size is not None:
            batch_size = replicas.share("Iteration.batch_size", batch_size)
        jit_compile = learning.jit_compile
        if jit_compile and replicas.number() > 1:
            raise ValueError(
                f"Iteration.jit_compile must be False with {replicas.number()} replicas"
            )
        self.num_users = num_users = environment.batch_size
        self._strategy = strategy = tf.distribute.get_strategy()
        self.environment = environment.variables
        self.simulator = environment.simulator
        self.learning = learning
        self.agent = agent
        self.replay = SeededReplayBuffer(agent.collect_data_spec, num_users, replay_length, seed)
        # At most: a session that ends within a decision cuts it short.
        steps_per_user = environment.simulator.steps_per_decision * collect_steps
        self.user_steps_per_iteration = replicas.number() * num_users * steps_per_user
        # A step and a train step are independent where frames are stored after both. Then two cores
        # compute them at the same time. XLA would copy the replay for that.
        self._is_side_by_side = batch_size is not None and collect_steps == 1 and not jit_compile
        stored = 0 if self._is_side_by_side else collect_steps
        self.least_collected = max(sequence_length - stored, 0)
        self.metrics = CollectMetrics(environment)
        initial_state = agent.collect_policy.get_initial_state(num_users)
        self.policy_state = tf.nest.map_structure(replicas.variable, initial_state)
        variables = (environment.variables.state, self.policy_state)

        def read_variables() -> tuple[Nest, Nest]:
            return environment.read_state(), replicas.read(self.policy_state, initial_state)

        def step(state: Nest, policy_state: Nest) -> tuple[Nest, Nest]:
            time_step = environment.time_step(state)
            action_step = agent.collect_policy.action(time_step, policy_state)
            state = environment.advance(state, action_step.action)
            frames = trajectory.from_transition(
                time_step, action_step, environment.time_step(state)
            )
            return (state, action_step.state), frames

        def store(frames: Nest) -> None:
            self.replay.add_batch(frames)
            self.metrics(frames)

        def learn():
            if batch_size is None:
                return agent.train(self.replay.latest(sequence_length))
            return agent.train(self.replay.sample(batch_size, sequence_length))

        def advance(*state: Nest) -> Nest:
            state, frames = step(*state)
            store(frames)
            return state

        def steps(number: tf.Tensor | int, state: Nest) -> Nest:
            return _repeat(number, lambda state: advance(*state), state)

        def advance_often(*state: Nest) -> Nest:
            return advance(*state) if collect_steps == 1 else steps(collect_steps, state)

        # The few steps of a warm-up are not worth a compilation for a CPU.
        @compiled(jit_compile=jit_compile and not only_cpu())
        def collect(num_iterations: tf.Tensor) -> None:
            strategy.run(
                lambda: replicas.assign(variables, steps(num_iterations, read_variables()))
            )

        @compiled(jit_compile=jit_compile)
        def run(num_iterations: tf.Tensor) -> tf_agent.LossInfo:
            # Traced by itself, the train step tells the loop the structure of its loss.
            train = tf.function(
                lambda: strategy.run(learn), autograph=False
            ).get_concrete_function()

            def iterate(carry: Nest) -> Nest:
                state, loss_info = carry
                if self._is_side_by_side:
                    state, frames = strategy.run(step, args=state)
                else:
                    state = strategy.run(advance_often, args=state)
                for _ in range(learning.train_steps):
                    loss_info = train()
                if self._is_side_by_side:
                    strategy.run(store, args=(frames,))
                return state, loss_info

            no_loss = tf.nest.map_structure(
                lambda output: tf.zeros(output.shape, output.dtype),
                train.structured_outputs,
                expand_composites=True,
            )
            state = strategy.run(read_variables)
            state, loss_info = _repeat(num_iterations, iterate, (state, no_loss))
            strategy.run(lambda *state: replicas.assign(variables, state), args=state)
            return replicas.gather_total(loss_info)

        self.collect_function, self.run_function, self.train_step = collect, run, learn

    def checkpoint(self) -> tf.train.Checkpoint:
        """A checkpoint of the loop's state, without the frames of the replay."""
        return tf.train.Checkpoint(
            agent=self.agent,
            environment=self.environment,
            metrics=self.metrics,
            policy_state=tf.nest.flatten(self.policy_state),
            replay_seed=self.replay.seed,
        )

    def collect(self, num_iterations: int) -> None:
        """Steps all users `num_iterations` times without learning."""
        with self._strategy.scope():
            self.collect_function(tf.constant(num_iterations))

    def run(self, num_iterations: int) -> tf_agent.LossInfo:
        """Runs `num_iterations` iterations, at least one, and returns the last loss. Raises a
        ValueError if the first train step would find fewer frames than a sequence has.
        """
        collected = int(self.replay.num_added())
        if collected < self.least_collected:
            raise ValueError(
                f"the agent trains on {self._sequence_length} frames, so at least"
                f" {self.least_collected} must be collected first, got {collected}"
            )
        with self._strategy.scope():
            return self.run_function(tf.constant(num_iterations))


def _repeat(number: tf.Tensor | int, function: Callable[[Nest], Nest], carry: Nest) -> Nest:
    """`function` of its own result, `number` times."""
    return tf.while_loop(
        lambda i, _: i < number,
        lambda i, carry: (i + 1, function(carry)),
        (0, carry),
        parallel_iterations=1,
    )[1]
