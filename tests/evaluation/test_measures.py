# SPDX-License-Identifier: Apache-2.0
import re

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import tensor_spec

import recsim_tf
from recsim_tf.evaluation import Mean, Measure
from recsim_tf.evaluation.comparison import Setting
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.evaluation.measures import segment_summaries, session_measures, summaries
from recsim_tf.evaluation.policy_results import PolicyResult, Results
from recsim_tf.policies import random_policy

LTS = "LongTermSatisfaction-v1"


def _spec(name="InterestExploration-v1"):
    return recsim_tf.make(name).observation_spec().response


def _result(has_quality=True, **changes):
    rows = {
        "return": [4.0, 8.0, 0.0, 4.0],
        "steps": [2.0, 2.0, 1.0, 5.0],
        "clicks": [1.0, 2.0, 0.0, 1.0],
        "no_click": [1.0, 0.0, 1.0, 4.0],
        "quality": [0.5, -1.0, 0.0, 0.1],
        "left": [1.0, 1.0, 0.0, 0.0],
        "time_limit": [0.0, 0.0, 1.0, 0.0],
        "shown": [4.0, 3.0, 2.0, 11.0],
        "cluster_clicks": [[1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [0.0, 1.0]],
    }
    measures = session_measures(_spec("InterestExploration-v1" if has_quality else LTS))
    sums = {name: np.array(row) for name, row in (rows | changes).items()}
    return PolicyResult.of("p", measures, sums)


def test_a_result_is_what_the_sums_say():
    result = _result()
    assert (result.episodes, result.unfinished) == (4, 1)
    assert result["return"].value == 4
    assert result["return"].standard_error == pytest.approx(np.std([4, 8, 0, 4], ddof=1) / 2)
    assert result["steps"].value == 2.5
    assert result["clicks"].value == 1
    assert result["left"].value == 0.5
    assert result["click_rate"].value == pytest.approx(0.4)
    # A ratio has an error too.
    assert result["click_rate"] == Mean.of_ratio(np.array([1, 2, 0, 1]), np.array([2, 2, 1, 5]))
    assert result["document_click_rate"].value == pytest.approx(4 / 20)
    assert result["mean_quality"].value == pytest.approx(-0.1)
    # Ten steps.
    assert result.as_json()["cluster_watch_count_frac"] == pytest.approx(
        {"cluster_0": 0.2, "cluster_1": 0.2, "no_click": 0.6}
    )


def test_users_who_share_a_world_are_taken_together():
    sums = {
        name: np.array(values) for name, values in {"a": [1.0, 3, 5, 7], "b": [2.0] * 4}.items()
    }
    measures = {"a": Measure(lambda step: step.reward), "rate": Measure.ratio("a", "b")}
    found = summaries(measures, sums, users_per_world=2)
    assert found == {
        "a": Mean.of(np.array([2.0, 6.0])),
        "rate": Mean.of_ratio(np.array([4.0, 12.0]), np.array([4.0, 4.0])),
    }
    alone = summaries(measures, sums, users_per_world=4)
    assert (alone["a"].value, np.isnan(alone["a"].standard_error)) == (4, True)


def test_users_of_a_segment_who_share_a_world_are_taken_together():
    sums = {
        name: np.array(values)
        for name, values in {"a": [1.0, 3, 5, 7, 0, 4], "b": [2.0] * 6}.items()
    }
    measures = {
        "a": Measure(lambda step: step.reward),
        "rate": Measure.ratio("a", "b"),
        "most": Measure(None, lambda worlds: worlds.max(), of=("a",)),
    }
    rows = np.array([True, True, False, True, False, False])
    by_segment = segment_summaries(measures, sums, rows, users_per_world=2)
    # Worlds of two users, one user and none in the segment.
    counts = np.array([2.0, 1.0])
    assert by_segment["a"] == Mean.of_ratio(np.array([4.0, 7.0]), counts)
    assert by_segment["rate"] == Mean.of_ratio(np.array([4.0, 7.0]), 2 * counts)
    assert (by_segment["most"].value, np.isnan(by_segment["most"].standard_error)) == (7, True)
    everybody = segment_summaries(measures, sums, np.ones(6, bool), users_per_world=2)
    whole = summaries(measures, sums, users_per_world=2)
    for name in ("a", "rate"):
        assert everybody[name] == pytest.approx(whole[name])


def test_tags_are_recsims_with_the_population_standard_deviation():
    result = _result()
    assert result.tags("eval") == pytest.approx(
        {
            "AverageEpisodeRewards/eval": 4.0,
            "AverageEpisodeLength/eval": 2.5,
            "StdEpisodeRewards/eval": np.std([4, 8, 0, 4]),
            "StandardError/eval": result["return"].standard_error,
            "CTR/eval": 0.4,
            "AverageQuality/eval": -0.1,
            "cluster_watch_count_frac/cluster_0/eval": 0.2,
            "cluster_watch_count_frac/cluster_1/eval": 0.2,
            "cluster_watch_count_frac/no_click/eval": 0.6,
        }
    )


def test_a_mean_quality_of_zero_is_a_quality_and_without_clicks_there_is_none():
    assert _result(quality=[0.0] * 4)["mean_quality"].value == 0
    without_clicks = _result(quality=[0.0] * 4, clicks=[0.0] * 4)
    assert without_clicks.as_json()["mean_quality"] is None
    assert "AverageQuality/eval" not in without_clicks.tags("eval")


def test_what_an_environment_cannot_fill_is_in_no_file_and_no_table():
    result = _result(has_quality=False)
    assert not {"mean_quality", "cluster_watch_count_frac"} & set(result.as_json())
    assert "quality" not in str(Results([result]))
    assert "quality" in str(Results([_result()]))


@pytest.mark.parametrize(
    ("name", "num_clusters", "has_quality"),
    [("InterestEvolution-v1", 20, True), ("InterestExploration-v1", 2, True), (LTS, 0, False)],
)
def test_environments_tell_their_clusters_and_qualities(name, num_clusters, has_quality):
    measures = session_measures(_spec(name))
    clusters = [f"cluster_{cluster}" for cluster in range(num_clusters)]
    names = [*clusters, "no_click"] if clusters else []
    assert [each for each in measures if "/" in each] == [
        f"cluster_watch_count_frac/{each}" for each in names
    ]
    assert ("mean_quality" in measures) == has_quality


def test_clusters_without_an_upper_bound_are_not_counted():
    response = _spec()
    for cluster_id in (
        tensor_spec.BoundedTensorSpec([2], tf.int32, 0, tf.int32.max),
        response.quality,
    ):
        assert "cluster_clicks" not in session_measures(response._replace(cluster_id=cluster_id))


@pytest.mark.slow
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
    np.testing.assert_array_equal(result.sessions["cluster_clicks"], expected)
    no_click = (active & (clicked.sum(-1) == 0)).sum(0)
    np.testing.assert_array_equal(result.sessions["no_click"], no_click)
    assert sum(result.as_json()["cluster_watch_count_frac"].values()) == pytest.approx(1)


def _of_seed(seed, returns, values="no_click_mass=0.5"):
    changes = {"return": returns, "clicks": [float(seed)] * 4}
    setting = Setting({"no_click_mass": 0.5}, seed, f"{values}, seed={seed}", values)
    return _result(has_quality=False, **changes).of_setting(setting)


def test_the_mean_over_seeds_has_the_standard_error_of_that_mean():
    results = Results(
        [
            _of_seed(1, [1.0, 2.0, 3.0, 2.0]),
            _of_seed(2, [3.0, 3.0, 3.0, 3.0]),
            _of_seed(3, [7.0, 7.0, 7.0, 7.0]),
            _of_seed(1, [9.0, 9.0, 9.0, 9.0], "no_click_mass=1.0"),  # One seed has no mean.
        ]
    )
    (mean,) = results.over_seeds()
    assert mean.name == "p [no_click_mass=0.5, mean of 3 seeds]"
    assert mean["return"] == Mean.of(np.array([2.0, 3.0, 7.0]))
    assert mean["click_rate"].value == pytest.approx(np.mean([0.4, 0.8, 1.2]))
    assert mean["document_click_rate"].value == pytest.approx(np.mean([0.2, 0.4, 0.6]))
    assert (mean.episodes, mean.unfinished) == (12, 3)
    content = results.as_json()
    assert len(content["policies"]) == 4
    assert [each["seed"] for each in content["over_seeds"]] == [[1, 2, 3]]
    assert "over_seeds" not in Results(results[:1]).as_json()
    assert re.search(r"mean of 3 seeds\] +4\.00 ±  1\.53", str(results))


def test_results_are_a_data_frame_and_a_table_of_a_notebook():
    results = Results([_result(), _result(clicks=[0.0] * 4)])
    frame = Results([results[0]]).to_frame()
    assert frame.index.tolist() == ["p"]
    assert frame.loc["p", ["sessions", "return", "click_rate"]].tolist() == [4, 4, 0.4]
    assert frame.loc["p", "return_error"] == results[0]["return"].standard_error
    assert results._repr_html_().count("<tr") == 3
    assert results[0]._repr_html_().count("<tr") == 2
    assert str(results[0]) == str(Results(results[:1]))
    assert "session length" in results._repr_html_()
