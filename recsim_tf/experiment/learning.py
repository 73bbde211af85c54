"""The learning loop: collection, replay and training in one compiled function."""

import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.drivers import dynamic_step_driver

from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.core.execution import compiled
from recsim_tf.experiment.metrics import CollectMetrics, Measures
from recsim_tf.experiment.replay import SeededReplayBuffer


class LearningLoop(tf.Module):
    """Steps all users, stores what happened, and trains on it, as often as one call asks.

    Python takes no part between the iterations of a call. All state is in variables, which a `tf.train.Checkpoint` of this module holds.

    A train step takes sequences of T = `agent.train_sequence_length` frames, of one frame where the agent leaves the length open. They are
    drawn from the replay; or, for agents that learn on-policy or count what they see, as bandits do, they are the newest T frames of
    every user, each once. With one train step an iteration, an agent with T = 1 then meets every frame exactly once, and one with T = 2
    every pair of frames. An agent that learns from T frames at a time, each pair once, needs T - 1 collect steps an iteration. What
    `collect` stores before the first sequence is not trained on.

    Args:
      environment: B users.
      agent: trains on [batch_size, T], or on [B, T] for batch_size None.
      batch_size: sequences of a train step, drawn from the replay; None for the newest sequence of every user.
      replay_length: frames of each user that are kept for replay, at least T.
      train_steps_per_iteration: train steps of an iteration.
      seed: of the replay, an integer or int32 [2].
      collect_steps_per_iteration: steps of all users in an iteration, before its train steps.

    Raises:
      ValueError: if the replay is shorter than a sequence, or for a batch size with an agent whose attribute `on_policy` is true.
    """

    def __init__(
        self,
        environment: SlateEnvironment,
        agent: tf_agent.TFAgent,
        batch_size: int | None,
        replay_length: int,
        train_steps_per_iteration: int,
        seed,
        collect_steps_per_iteration: int = 1,
    ):
        super().__init__(name="LearningLoop")
        self._sequence_length = sequence_length = agent.train_sequence_length or 1
        if replay_length < sequence_length:
            raise ValueError(f"replay_length must be at least the agent's train_sequence_length={sequence_length}, got {replay_length}")
        if batch_size is not None and getattr(agent, "on_policy", False):
            raise ValueError(f"batch_size must be None for {agent.name}, which is to see the newest frames, each once, got {batch_size}")
        self.num_users = num_users = environment.batch_size
        self.environment = environment.memory
        self.agent = agent
        self.replay = SeededReplayBuffer(agent.collect_data_spec, num_users, replay_length, seed)
        # At most: a session that ends within a decision cuts it short.
        self.user_steps_per_iteration = num_users * environment.steps_per_action * collect_steps_per_iteration
        self._collect_steps_per_iteration = collect_steps_per_iteration
        self.metrics = CollectMetrics(num_users, Measures.of(environment.observation_spec().response).num_clusters)
        initial_state = agent.collect_policy.get_initial_state(num_users)
        self._policy_state = tf.nest.map_structure(lambda value: tf.Variable(value, trainable=False), initial_state)
        driver = dynamic_step_driver.DynamicStepDriver(
            environment, agent.collect_policy, [self.replay.add_batch, self.metrics], num_steps=1
        )

        def step():
            # The driver does not count the frames between two sessions: it would step on where all users are there.
            _, policy_state = driver.run(policy_state=_read(self._policy_state), maximum_iterations=1)
            tf.nest.map_structure(lambda variable, value: variable.assign(value), self._policy_state, policy_state)

        def learn():
            frames = self.replay.latest(sequence_length) if batch_size is None else self.replay.sample(batch_size, sequence_length)
            return agent.train(frames)

        def steps(number):
            def body(i):
                step()
                return (i + 1,)

            tf.while_loop(lambda i: i < number, body, (0,))

        def iterate(loss_info):
            if collect_steps_per_iteration == 1:
                step()
            else:
                steps(collect_steps_per_iteration)
            for _ in range(train_steps_per_iteration):
                loss_info = learn()
            return loss_info

        @compiled
        def collect(num_iterations):
            steps(num_iterations)

        @compiled
        def run(num_iterations):
            first = iterate(None)

            def body(i, loss_info):
                return i + 1, iterate(loss_info)

            return tf.while_loop(lambda i, _: i < num_iterations, body, (1, first))[1]

        self._collect = collect
        self._run = run

    def collect(self, num_iterations: int) -> None:
        """Steps all users `num_iterations` times without learning."""
        self._collect(tf.constant(num_iterations))

    def run(self, num_iterations: int) -> tf_agent.LossInfo:
        """Runs `num_iterations` iterations, at least one, and returns the last loss.

        Raises:
          ValueError: if the first train step would find fewer frames than a sequence has.
        """
        least, collected = self._sequence_length - self._collect_steps_per_iteration, int(self.replay.num_added())
        if collected < least:
            raise ValueError(
                f"the agent trains on {self._sequence_length} frames, so at least {least} must be collected first, got {collected}"
            )
        return self._run(tf.constant(num_iterations))


def _read(variables):
    return tf.nest.map_structure(tf.convert_to_tensor, variables)
