import numpy as np
import pytest
import tensorflow as tf
from tf_agents.drivers import dynamic_step_driver
from tf_agents.replay_buffers import tf_uniform_replay_buffer

import recsim_tf
from recsim_tf.adapters.tf_agents import SlateEnvironment, SlatePolicy
from recsim_tf.agents.baselines import random_policy
from recsim_tf.experiment.metrics import CollectMetrics, PolicyResult, SessionSums


def test_policy_result_is_what_the_sums_say():
    sums = SessionSums(
        reward=tf.constant([4.0, 8.0, 0.0, 4.0]),
        steps=tf.constant([2.0, 2.0, 1.0, 5.0]),
        clicks=tf.constant([1.0, 2.0, 0.0, 1.0]),
        quality=tf.constant([0.5, -1.0, 0.0, 0.1]),
        finished=tf.constant([1.0, 1.0, 1.0, 0.0]),
    )
    result = PolicyResult.from_sums("p", sums)
    assert (result.mean_return, result.mean_length, result.episodes, result.unfinished) == (4.0, 2.5, 4, 1)
    assert result.standard_error == pytest.approx(np.std([4, 8, 0, 4], ddof=1) / 2)
    assert result.click_rate == pytest.approx(0.4)
    assert result.mean_quality == pytest.approx(-0.1)


def test_collected_metrics_equal_a_count_over_the_stored_frames():
    simulator = recsim_tf.make("InterestEvolution-v1", slate_size=2, num_candidates=5, max_steps=7)
    environment = SlateEnvironment(simulator, 6, seed=4)
    policy = SlatePolicy(environment.time_step_spec(), environment.action_spec(), random_policy(simulator))
    metrics = CollectMetrics(6)
    replay = tf_uniform_replay_buffer.TFUniformReplayBuffer(policy.trajectory_spec, 6, max_length=40)
    driver = dynamic_step_driver.DynamicStepDriver(environment, policy, [replay.add_batch, metrics], num_steps=1)
    for _ in range(24):
        driver.run()
    scalars = metrics.read_and_clear(seconds=3.0)

    frames = replay.gather_all()
    rewards, boundary = frames.reward.numpy(), frames.is_boundary().numpy()
    returns = []
    for user in range(6):
        ends = np.flatnonzero(boundary[user])
        returns += [rewards[user, start:end].sum() for start, end in zip([0, *(ends + 1)], ends, strict=False)]
    steps = (~boundary).sum()
    assert scalars["AverageEpisodeRewards/train"] == pytest.approx(np.mean(returns))
    assert scalars["StdEpisodeRewards/train"] == pytest.approx(np.std(returns))
    assert scalars["AverageEpisodeLength/train"] == 7
    assert scalars["TimePerStep/train"] == pytest.approx(3.0 / steps)
    clicks = frames.observation.response.clicked.numpy()
    assert scalars["CTR/train"] == pytest.approx(clicks.sum() / steps)
    quality = (clicks * frames.observation.response.quality.numpy()).sum() / clicks.sum()
    assert scalars["AverageQuality/train"] == pytest.approx(quality, rel=1e-5)
    assert metrics.read_and_clear(1.0)["CTR/train"] == 0
