"""The learning loop on TF-Agents' own driver and replay buffer: the reference for the loop of
`recsim_tf.experiment.training.loop`.
"""

from tf_agents.drivers import dynamic_step_driver
from tf_agents.replay_buffers import tf_uniform_replay_buffer

from recsim_tf.experiment.training.loop import LearningLoop
from recsim_tf.experiment.training.replay import SeededReplayBuffer


class DriverReplayBuffer(SeededReplayBuffer):
    """TF-Agents' uniform replay buffer, with rows drawn as `SeededReplayBuffer` draws them.

    TF-Agents draws them from the stateful generator of the operation, which no checkpoint holds: a
    run that was interrupted would go on with other samples.

    Args:
      data_spec: spec of one frame of one user.
      batch_size: B, the frames that are added at a time, one a user.
      max_length: frames that are kept for each user.
      seed: an integer or int32 [2].
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

    def _take(self, rows):
        return self._buffer._data_table.read(rows)


class DriverLearningLoop(LearningLoop):
    """`LearningLoop`, with TF-Agents' `DynamicStepDriver` and `TFUniformReplayBuffer` in the place
    of its own step and replay.

    From the same seeds both collect the same frames, draw the same samples and learn the same. This
    one does not compile under XLA, and is what the other one's speed is compared with. The
    arguments are those of `LearningLoop`, in graph mode.
    """

    def _create_replay(self, data_spec, num_users, replay_length, seed):
        return DriverReplayBuffer(data_spec, num_users, replay_length, seed)

    def _create_step(self, environment):
        observers = [self.replay.add_batch, self.metrics]
        driver = dynamic_step_driver.DynamicStepDriver(
            environment, self.agent.collect_policy, observers, num_steps=1
        )

        def step(users, policy_state):
            # The driver does not count the frames between two sessions: it would step on where all
            # users are there.
            _, policy_state = driver.run(policy_state=policy_state, maximum_iterations=1)
            return users, policy_state

        # The environment keeps its state itself.
        return (), step
