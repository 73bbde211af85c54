import csv

import numpy as np
import pytest

import recsim_tf
from recsim_tf.experiment.evaluation.evaluation import Evaluation
from recsim_tf.experiment.evaluation.sessions import write_sessions
from recsim_tf.policies import random_policy


def _evaluate(simulator, num_users, max_steps, name="Random"):
    return Evaluation(num_users=num_users, max_steps=max_steps).evaluator(
        name, simulator, random_policy(simulator)
    )()


def _rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_rows_add_up_to_the_result(tmp_path):
    result = _evaluate(recsim_tf.make("InterestEvolution-v1"), num_users=30, max_steps=70)
    write_sessions(tmp_path / "sessions.csv", [result, result._replace(name='Other, "quoted"')])
    rows = _rows(tmp_path / "sessions.csv")
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


@pytest.mark.slow
def test_time_limits_are_told_from_departures_and_quality_is_empty_where_responses_lack_it(
    tmp_path,
):
    result = _evaluate(
        recsim_tf.make("LongTermSatisfaction-v1", max_steps=10), num_users=3, max_steps=100
    )
    write_sessions(tmp_path / "sessions.csv", [result])
    for row in _rows(tmp_path / "sessions.csv"):
        assert (row["steps"], row["clicks"], row["mean_quality"], row["outcome"]) == (
            "10",
            "10",
            "",
            "time_limit",
        )


def test_a_user_without_a_click_has_no_quality(tmp_path):
    result = _evaluate(recsim_tf.make("InterestExploration-v1"), num_users=20, max_steps=1)
    write_sessions(tmp_path / "sessions.csv", [result])
    rows = _rows(tmp_path / "sessions.csv")
    assert {row["clicks"] for row in rows} == {"0", "1"}
    assert all((row["mean_quality"] == "") == (row["clicks"] == "0") for row in rows)
