import re

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.drivers import dynamic_step_driver
from tf_agents.replay_buffers import tf_uniform_replay_buffer
from tf_agents.specs import tensor_spec

import recsim_tf
from recsim_tf.adapters.tf_agents import SlateEnvironment, TFSlatePolicy
from recsim_tf.evaluation.comparison import Setting
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.evaluation.measures import (
    CollectMetrics,
    Measures,
    PolicyResult,
    SessionSums,
    over_seeds,
)
from recsim_tf.evaluation.outputs import results_json, results_table
from recsim_tf.policies import random_policy


def _sums(**changes):
    rows = {
        "reward": [4.0, 8.0, 0.0, 4.0],
        "steps": [2.0, 2.0, 1.0, 5.0],
        "clicks": [1.0, 2.0, 0.0, 1.0],
        "no_click": [1.0, 0.0, 1.0, 4.0],
        "quality": [0.5, -1.0, 0.0, 0.1],
        "left": [1.0, 1.0, 0.0, 0.0],
        "time_limit": [0.0, 0.0, 1.0, 0.0],
        "shown": [4.0, 3.0, 2.0, 11.0],
        "cluster_clicks": [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
    }
    rows = {name: tf.constant(row) for name, row in (rows | changes).items()}
    return SessionSums(**rows, own={}, segments={})


def test_policy_result_is_what_the_sums_say():
    result = PolicyResult.from_sums("p", _sums(), has_quality=True)
    assert (result.mean_return, result.mean_length, result.episodes, result.unfinished) == (
        4.0,
        2.5,
        4,
        1,
    )
    assert result.standard_error == pytest.approx(np.std([4, 8, 0, 4], ddof=1) / 2)
    assert result.click_rate == pytest.approx(0.4)
    assert result.document_click_rate == pytest.approx(4 / 20)
    assert result.mean_quality == pytest.approx(-0.1)
    # Ten steps; the cluster that nobody clicked is there as well.
    assert result.cluster_watch_count_frac == pytest.approx(
        {"cluster_0": 0.2, "cluster_1": 0.2, "cluster_2": 0.0, "no_click": 0.6}
    )


def test_tags_are_recsims_with_the_population_standard_deviation():
    tags = PolicyResult.from_sums("p", _sums(), has_quality=True).tags("eval")
    assert tags == pytest.approx(
        {
            "AverageEpisodeRewards/eval": 4.0,
            "AverageEpisodeLength/eval": 2.5,
            "StdEpisodeRewards/eval": np.std([4, 8, 0, 4]),
            "CTR/eval": 0.4,
            "AverageQuality/eval": -0.1,
            "cluster_watch_count_frac/cluster_0/eval": 0.2,
            "cluster_watch_count_frac/cluster_1/eval": 0.2,
            "cluster_watch_count_frac/cluster_2/eval": 0.0,
            "cluster_watch_count_frac/no_click/eval": 0.6,
        }
    )


def test_a_mean_quality_of_zero_is_a_quality():
    zeros = _sums(quality=[0.0] * 4)
    assert PolicyResult.from_sums("p", zeros, has_quality=True).mean_quality == 0
    assert PolicyResult.from_sums("p", zeros, has_quality=False).mean_quality is None
    without_clicks = _sums(quality=[0.0] * 4, clicks=[0.0] * 4)
    assert PolicyResult.from_sums("p", without_clicks, has_quality=True).mean_quality is None


@pytest.mark.parametrize(
    ("name", "num_clusters", "has_quality"),
    [
        ("InterestEvolution-v1", 20, True),
        ("InterestExploration-v1", 2, True),
        ("LongTermSatisfaction-v1", 0, False),
    ],
)
def test_environments_tell_their_clusters_and_qualities(name, num_clusters, has_quality):
    simulator = recsim_tf.make(name)
    assert Measures.of(SlateEnvironment(simulator, 1).observation_spec().response) == (
        num_clusters,
        has_quality,
    )


def test_clusters_without_an_upper_bound_are_not_counted():
    simulator = recsim_tf.make("InterestExploration-v1")
    response = SlateEnvironment(simulator, 1).observation_spec().response
    unbounded = tensor_spec.BoundedTensorSpec([2], tf.int32, 0, tf.int32.max)
    assert Measures.of(response._replace(cluster_id=unbounded)).num_clusters == 0
    assert Measures.of(response._replace(cluster_id=response.quality)).num_clusters == 0


def test_session_sums_equal_a_count_over_a_trajectory():
    simulator = recsim_tf.make(
        "InterestEvolution-v1", slate_size=2, num_candidates=5, max_steps=None
    )
    policy, num_steps = random_policy(simulator), 90
    result = Evaluation(num_users=8, max_steps=num_steps, seed=3).evaluator(
        "p", simulator, policy
    )()
    steps = simulator.rollout(policy, 8, num_steps, 3).transitions
    active, clicked = (
        steps.active.numpy(),
        steps.response.clicked.numpy() * steps.active.numpy()[..., np.newaxis],
    )
    cluster_id = steps.response.cluster_id.numpy()
    expected = [
        [clicked[:, user][cluster_id[:, user] == cluster].sum() for cluster in range(20)]
        for user in range(8)
    ]
    assert not active.all()
    np.testing.assert_array_equal(result.sessions.cluster_clicks, expected)
    np.testing.assert_array_equal(
        result.sessions.no_click, (active & (clicked.sum(-1) == 0)).sum(0)
    )
    assert sum(result.cluster_watch_count_frac.values()) == pytest.approx(1)


def test_collected_metrics_equal_a_count_over_the_stored_frames():
    simulator = recsim_tf.make("InterestEvolution-v1", slate_size=2, num_candidates=5, max_steps=7)
    environment = SlateEnvironment(simulator, 6, seed=4)
    policy = TFSlatePolicy(
        environment.time_step_spec(), environment.action_spec(), random_policy(simulator)
    )
    metrics = CollectMetrics(6, Measures.of(environment.observation_spec().response).num_clusters)
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


def _of_seed(seed, returns, values="no_click_mass=0.5"):
    sums = _sums(reward=returns, clicks=[float(seed)] * 4)
    setting = Setting({"no_click_mass": 0.5}, seed, f"{values}, seed={seed}", values)
    return PolicyResult.from_sums("p", sums, has_quality=False).of_setting(setting)


def test_the_mean_over_seeds_has_the_standard_error_of_that_mean():
    results = [
        _of_seed(1, [1.0, 2.0, 3.0, 2.0]),
        _of_seed(2, [3.0, 3.0, 3.0, 3.0]),
        _of_seed(3, [7.0, 7.0, 7.0, 7.0]),
        _of_seed(1, [9.0, 9.0, 9.0, 9.0], "no_click_mass=1.0"),  # A single seed has no mean.
    ]
    (mean,) = over_seeds(results)
    assert mean.name == "p [no_click_mass=0.5, mean of 3 seeds]"
    assert mean.mean_return == pytest.approx(4.0)
    assert mean.standard_error == pytest.approx(np.std([2, 3, 7], ddof=1) / np.sqrt(3))
    assert mean.click_rate == pytest.approx(np.mean([0.4, 0.8, 1.2]))
    assert mean.document_click_rate == pytest.approx(np.mean([0.2, 0.4, 0.6]))
    assert mean.episodes == 12
    content = results_json(results)
    assert len(content["policies"]) == 4
    assert [each["seed"] for each in content["over_seeds"]] == [(1, 2, 3)]
    assert "over_seeds" not in results_json(results[:1])
    assert re.search(r"mean of 3 seeds\] +4\.00 ±  1\.53", results_table(results))
