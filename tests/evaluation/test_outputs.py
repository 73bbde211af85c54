import numpy as np
import tensorflow as tf

import recsim_tf
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.evaluation.measures import PolicyResult, SessionSums
from recsim_tf.evaluation.outputs import write_sessions
from recsim_tf.policies import random_policy
from tests.experiment.tiny_runs import read_csv


def test_rows_add_up_to_the_result(tmp_path):
    simulator = recsim_tf.make("InterestEvolution-v1")
    result = Evaluation(30, 70).evaluator("Random", simulator, random_policy(simulator))()
    write_sessions(tmp_path / "sessions.csv", [result, result._replace(name='Other, "quoted"')])
    rows = read_csv(tmp_path / "sessions.csv")
    assert [row["policy"] for row in rows] == ["Random"] * 30 + ['Other, "quoted"'] * 30
    rows = rows[:30]
    assert [int(row["user"]) for row in rows] == list(range(30))
    returns, steps, clicks = (
        np.array([float(row[name]) for row in rows]) for name in ("return", "steps", "clicks")
    )
    np.testing.assert_array_equal(
        returns.astype(np.float32), result.sessions.reward.astype(np.float32)
    )
    assert steps.mean() == result.mean_length
    assert np.isclose(clicks.sum() / steps.sum(), result.click_rate)
    quality = sum(
        float(row["mean_quality"]) * float(row["clicks"]) for row in rows if row["mean_quality"]
    )
    assert np.isclose(quality / clicks.sum(), result.mean_quality)
    outcomes = [row["outcome"] for row in rows]
    assert set(outcomes) == {"left", "cut_off"}
    assert outcomes.count("cut_off") == result.unfinished
    assert all((row["outcome"] == "cut_off") <= (row["steps"] == "70") for row in rows)


def test_outcomes_are_told_apart_and_without_a_click_there_is_no_quality(tmp_path):
    sums = SessionSums.zeros(3)._replace(
        steps=tf.fill([3], 10.0),
        clicks=tf.constant([2.0, 0.0, 1.0]),
        quality=tf.constant([3.0, 0.0, 1.0]),
    )
    sums = sums._replace(left=tf.constant([1.0, 0, 0]), time_limit=tf.constant([0, 1.0, 0]))
    for has_quality, qualities in ((True, ["1.5", "", "1"]), (False, [""] * 3)):
        result = PolicyResult.from_sums("Random", sums, has_quality)
        write_sessions(tmp_path / "sessions.csv", [result])
        rows = read_csv(tmp_path / "sessions.csv")
        assert [row["outcome"] for row in rows] == ["left", "time_limit", "cut_off"]
        assert [row["mean_quality"] for row in rows] == qualities
        assert [row["clicks"] for row in rows] == ["2", "0", "1"]
