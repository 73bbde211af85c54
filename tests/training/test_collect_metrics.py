# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from tf_agents.drivers import dynamic_step_driver
from tf_agents.replay_buffers import tf_uniform_replay_buffer

import recsim_tf
from recsim_tf.adapters.tf_agents import SlateEnvironment, TFSlatePolicy
from recsim_tf.policies import random_policy
from recsim_tf.training.collect_metrics import CollectMetrics


@pytest.mark.slow
def test_collected_metrics_equal_a_count_over_the_stored_frames():
    simulator = recsim_tf.make("InterestEvolution-v1", slate_size=2, num_candidates=5, max_steps=7)
    environment = SlateEnvironment(simulator, 6, seed=4)
    policy = TFSlatePolicy(
        environment.time_step_spec(), environment.action_spec(), random_policy(simulator)
    )
    metrics = CollectMetrics(environment)
    replay = tf_uniform_replay_buffer.TFUniformReplayBuffer(
        policy.trajectory_spec, 6, max_length=40
    )
    driver = dynamic_step_driver.DynamicStepDriver(
        environment, policy, [replay.add_batch, metrics], num_steps=1
    )
    for _ in range(24):
        driver.run()
    scalars = metrics.read_and_clear(seconds=3.0)

    frames = replay.gather_all()
    rewards, boundary = frames.reward.numpy(), frames.is_boundary().numpy()
    returns = []
    for user in range(6):
        ends = np.flatnonzero(boundary[user])
        returns += [
            rewards[user, start:end].sum()
            for start, end in zip([0, *(ends + 1)], ends, strict=False)
        ]
    steps = (~boundary).sum()
    assert scalars["AverageEpisodeRewards/train"] == pytest.approx(np.mean(returns))
    assert scalars["StdEpisodeRewards/train"] == pytest.approx(np.std(returns))
    assert scalars["AverageEpisodeLength/train"] == 7
    assert scalars["TimePerStep/train"] == pytest.approx(3.0 / steps)
    clicks = frames.observation.response.clicked.numpy()
    # The response to the last step of each user has not come yet.
    impressions = (~frames.is_first().numpy()).sum()
    assert scalars["CTR/train"] == pytest.approx(clicks.sum() / impressions)
    cluster_id = frames.observation.response.cluster_id.numpy()
    fractions = {
        f"cluster_{cluster}": clicks[cluster_id == cluster].sum() / impressions
        for cluster in range(20)
    }
    fractions["no_click"] = 1 - clicks.sum() / impressions
    for name, fraction in fractions.items():
        assert scalars[f"cluster_watch_count_frac/{name}/train"] == pytest.approx(fraction)
    quality = (clicks * frames.observation.response.quality.numpy()).sum() / clicks.sum()
    assert scalars["AverageQuality/train"] == pytest.approx(quality, rel=1e-5)
    assert metrics.read_and_clear(1.0)["CTR/train"] == 0
