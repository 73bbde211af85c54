# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.trajectories import StepType

from recsim_tf.adapters.tf_agents import SlateEnvironment, TFSlatePolicy
from recsim_tf.environments.interest_exploration import interest_exploration
from recsim_tf.policies import ClusterBandit, random_policy
from recsim_tf.training.loop import Iteration, LearningLoop
from tests.refusals import assert_refused

NUM_USERS, SESSION_STEPS = 3, 4


class Recorder(tf_agent.TFAgent):
    """Keeps the experience of its train steps, up to `capacity` of them."""

    def __init__(self, environment, sequence_length, policy=None, capacity=32):
        tf.Module.__init__(self, name="Recorder")
        specs = (environment.time_step_spec(), environment.action_spec())
        policy = TFSlatePolicy(*specs, policy or random_policy(environment.simulator))
        super().__init__(
            *specs,
            policy,
            policy,
            sequence_length,
            train_step_counter=tf.Variable(0, dtype=tf.int64),
        )
        length = sequence_length or 1
        self.records = tf.nest.map_structure(
            lambda spec: tf.Variable(
                tf.zeros([capacity, environment.batch_size, length, *spec.shape], spec.dtype)
            ),
            policy.trajectory_spec,
        )

    def _train(self, experience, weights=None):
        step = self.train_step_counter
        tf.nest.map_structure(
            lambda record, value: record.scatter_update(tf.IndexedSlices(value, step)),
            self.records,
            experience,
        )
        step.assign_add(1)
        return tf_agent.LossInfo(tf.reduce_sum(experience.reward), ())


def loop_and_agent(sequence_length, batch_size=None, replay_length=3, seed=7, **kwargs):
    environment = SlateEnvironment(
        interest_exploration(slate_size=2, num_candidates=4, max_steps=SESSION_STEPS),
        NUM_USERS,
        seed=seed,
    )
    agent = Recorder(environment, sequence_length, **kwargs)
    return LearningLoop(environment, agent, Iteration(batch_size, replay_length), seed=0), agent


def frames_of(seed, num_frames, sequence_length):
    """What the environment gives the same agent, [num_frames, B, ...], frame by frame."""
    loop, _ = loop_and_agent(sequence_length, replay_length=num_frames, seed=seed)
    loop.collect(num_frames)
    return tf.nest.map_structure(
        lambda leaf: np.swapaxes(leaf.numpy(), 0, 1), loop.replay.latest(num_frames)
    )


@pytest.mark.slow
@pytest.mark.parametrize("sequence_length", [None, 3])
def test_on_policy_every_train_step_takes_the_newest_frames_of_every_user_in_order(sequence_length):
    # The replay of 3 frames wraps around several times, and all users meet the ends of their
    # sessions together.
    warmup, iterations, length = 4, 17, sequence_length or 1
    loop, agent = loop_and_agent(sequence_length)
    loop.collect(warmup)
    loop.run(5)
    loop.run(iterations - 5)
    assert agent.train_step_counter == iterations
    frames = frames_of(7, warmup + iterations, sequence_length)
    assert (frames.step_type == StepType.LAST).sum() == NUM_USERS * 4

    def check(record, leaf):
        for iteration in range(iterations):
            newest = warmup + iteration
            expected = np.swapaxes(leaf[newest - length + 1 : newest + 1], 0, 1)
            np.testing.assert_array_equal(record[iteration], expected)

    tf.nest.map_structure(check, agent.records, frames)


@pytest.mark.slow
def test_with_a_batch_size_the_frames_are_drawn_from_the_replay():
    loop, agent = loop_and_agent(2, batch_size=NUM_USERS, replay_length=20)
    loop.collect(12)
    loop.run(6)
    # Newest frames would all be of one time; the samples are not.
    assert len({step_types.tobytes() for step_types in agent.records.step_type.numpy()[:6]}) > 1
    assert (agent.records.step_type[:6, :, 0] != agent.records.step_type[:6, :1, 0]).numpy().any()


def test_a_sequence_must_fit_into_the_replay_and_be_collected_before_learning():
    message = "replay_length must be at least the agent's train_sequence_length=3, got 2"
    assert_refused(lambda: loop_and_agent(3, replay_length=2), message)
    message = "the agent trains on 3 frames, so at least 2 must be collected first, got 0"
    assert_refused(lambda: loop_and_agent(3)[0].run(1), message)


@pytest.mark.parametrize(
    ("on_policy", "length", "sizes"),
    [
        (True, 21, (None, 50, 20)),
        (True, None, (None, 50, 1)),
        (False, 61, (2048, 61, 1)),
    ],
)
def test_sizes_that_are_not_given_suit_the_agent(on_policy, length, sizes):
    agent = SimpleNamespace(on_policy=on_policy, train_sequence_length=length)
    assert Iteration().sizes(agent) == sizes
    assert Iteration(8, 9, collect_steps=7).sizes(agent) == (8, 9, 7)
    assert Iteration(batch_size=None).sizes(agent) == (None, *sizes[1:])


def test_the_state_of_the_collect_policy_lasts_from_iteration_to_iteration():
    pure = interest_exploration(slate_size=2, num_candidates=4, max_steps=SESSION_STEPS)
    bandit = ClusterBandit(pure)
    loop, _ = loop_and_agent(1, policy=bandit)
    impressions = []
    for _ in range(2 * SESSION_STEPS + 2):
        loop.run(1)
        impressions.append(tf.reduce_sum(loop.policy_state.impressions, axis=1).numpy().tolist())
    # A session has four steps and a frame for its last observation; the counts begin anew in the
    # next.
    assert impressions == [[2.0 * (frame % 5)] * NUM_USERS for frame in range(10)]


@pytest.mark.slow
def test_the_state_of_the_collect_policy_is_in_the_checkpoint(tmp_path):
    bandit = ClusterBandit(
        interest_exploration(slate_size=2, num_candidates=4, max_steps=SESSION_STEPS)
    )
    loop, _ = loop_and_agent(1, policy=bandit)
    loop.run(3)
    path = tf.train.Checkpoint(loop=loop).save(str(tmp_path / "loop"))
    other, _ = loop_and_agent(1, seed=8, policy=bandit)
    tf.train.Checkpoint(loop=other).restore(path).assert_existing_objects_matched()
    np.testing.assert_array_equal(other.policy_state.impressions, loop.policy_state.impressions)
    assert loop.run(3).loss == other.run(3).loss
