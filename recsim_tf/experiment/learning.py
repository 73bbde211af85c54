"""The learning loop: collection, replay and training in one compiled function."""

import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.drivers import dynamic_step_driver

from recsim_tf.adapters.tf_agents import SlateEnvironment
from recsim_tf.core.execution import compiled
from recsim_tf.experiment.metrics import CollectMetrics
from recsim_tf.experiment.replay import SeededReplayBuffer


class LearningLoop(tf.Module):
    """Steps all users, stores what happened, and trains on replayed transitions, as often as one call asks.

    Python takes no part between the iterations of a call. All state is in variables, which a `tf.train.Checkpoint` of this module holds.

    Args:
      environment: B users.
      agent: trains on [batch_size, agent.train_sequence_length].
      batch_size: sequences of a train step.
      replay_length: frames of each user that are kept for replay.
      train_steps_per_iteration: train steps for each step of all users.
      seed: of the replay, an integer or int32 [2].
    """

    def __init__(
        self,
        environment: SlateEnvironment,
        agent: tf_agent.TFAgent,
        batch_size: int,
        replay_length: int,
        train_steps_per_iteration: int,
        seed,
    ):
        super().__init__(name="LearningLoop")
        self.num_users = num_users = environment.batch_size
        self.environment = environment.memory
        self.agent = agent
        self.replay = SeededReplayBuffer(agent.collect_data_spec, num_users, replay_length, seed)
        self.metrics = CollectMetrics(num_users)
        # The driver counts steps of all users together: it stops after one step of each.
        driver = dynamic_step_driver.DynamicStepDriver(
            environment, agent.collect_policy, [self.replay.add_batch, self.metrics], num_steps=1
        )

        def learn():
            frames = self.replay.sample(batch_size, agent.train_sequence_length)
            return agent.train(frames)

        def iterate(loss_info):
            driver.run()
            for _ in range(train_steps_per_iteration):
                loss_info = learn()
            return loss_info

        @compiled
        def collect(num_iterations):
            def body(i):
                driver.run()
                return (i + 1,)

            tf.while_loop(lambda i: i < num_iterations, body, (0,))

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
        """Runs `num_iterations` iterations, at least one, and returns the last loss."""
        return self._run(tf.constant(num_iterations))
