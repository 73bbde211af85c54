# SPDX-License-Identifier: Apache-2.0
"""The learning loop on TF-Agents' own driver and replay buffer: the reference for the loop of
`recsim_tf.training.loop`.
"""

import tensorflow as tf
from tf_agents.drivers import dynamic_step_driver
from tf_agents.replay_buffers import tf_uniform_replay_buffer

from recsim_tf.training.collect_metrics import CollectMetrics
from recsim_tf.training.loop import Iteration
from recsim_tf.training.replay import SeededReplayBuffer


class DriverReplayBuffer(SeededReplayBuffer):
    """TF-Agents' uniform replay buffer, with rows drawn as `SeededReplayBuffer` draws them.

    TF-Agents draws them from the stateful generator of the operation, which no checkpoint holds: a
    run that was interrupted would go on with other samples.
    """

    def __init__(self, data_spec, batch_size: int, max_length: int, seed):
        super().__init__(data_spec, batch_size, max_length, seed)
        self._buffer = tf_uniform_replay_buffer.TFUniformReplayBuffer(
            data_spec, batch_size=batch_size, max_length=max_length
        )

    def add_batch(self, frames):
        return self._buffer.add_batch(frames)

    def num_added(self):
        return self._buffer._get_last_id() + 1

    def latest(self, num_steps=1):
        ages = tf.fill([self._batch_size], num_steps)
        return self._read(tf.range(self._batch_size), ages, num_steps)

    def _read(self, users, ages, num_steps):
        users, ages = (tf.cast(each, tf.int64)[:, tf.newaxis] for each in (users, ages))
        times = self.num_added() - ages + tf.range(num_steps, dtype=tf.int64)
        rows = times % self._max_length + users * self._max_length
        return self._buffer._data_table.read(rows)


class DriverLearningLoop:
    """Does what `LearningLoop` does in graph mode, with TF-Agents' `DynamicStepDriver` and
    `TFUniformReplayBuffer`.

    From the same seeds both collect the same frames, draw the same samples and learn the same. The
    speed of `LearningLoop` is compared with this one's. The arguments are those of `LearningLoop`.
    """

    def __init__(
        self,
        environment,
        agent,
        learning: Iteration,
        seed,
    ):
        self.environment, self.agent = environment.variables, agent
        num_users, length = environment.batch_size, agent.train_sequence_length or 1
        self.replay = DriverReplayBuffer(
            agent.collect_data_spec, num_users, learning.replay_length, seed
        )
        self.metrics = CollectMetrics(environment)
        observers = [self.replay.add_batch, self.metrics]
        driver = dynamic_step_driver.DynamicStepDriver(
            environment, agent.collect_policy, observers, num_steps=1
        )
        initial_state = agent.collect_policy.get_initial_state(num_users)
        self.policy_state = tf.nest.map_structure(tf.Variable, initial_state)

        def step():
            # The driver does not count the frames between two sessions: it would step on where all
            # users are there.
            _, state = driver.run(policy_state=_read(self.policy_state), maximum_iterations=1)
            tf.nest.map_structure(lambda kept, new: kept.assign(new), self.policy_state, state)

        def learn():
            return agent.train(
                self.replay.latest(length)
                if learning.batch_size is None
                else self.replay.sample(learning.batch_size, length)
            )

        @tf.function(autograph=False)
        def collect(number):
            tf.while_loop(lambda i: i < number, lambda i: (step(), i + 1)[1:], (0,))

        @tf.function(autograph=False)
        def run(number):
            train = tf.function(learn, autograph=False).get_concrete_function()

            def iterate(i, loss_info):
                for _ in range(learning.collect_steps):
                    step()
                for _ in range(learning.train_steps):
                    loss_info = train()
                return i + 1, loss_info

            no_loss = tf.nest.map_structure(
                lambda output: tf.zeros(output.shape, output.dtype),
                train.structured_outputs,
                expand_composites=True,
            )
            return tf.while_loop(lambda i, _: i < number, iterate, (0, no_loss))[1]

        self._collect, self._run = collect, run

    def collect(self, num_iterations: int) -> None:
        """Steps all users `num_iterations` times without learning."""
        self._collect(tf.constant(num_iterations))

    def run(self, num_iterations: int):
        """Runs some iterations, and returns the last loss."""
        return self._run(tf.constant(num_iterations))


def _read(variables):
    return tf.nest.map_structure(tf.convert_to_tensor, variables)
