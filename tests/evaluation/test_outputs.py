# SPDX-License-Identifier: Apache-2.0
import dataclasses

import numpy as np
import pytest

import recsim_tf
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.evaluation.outputs import plot_returns, plot_values, sessions_table
from recsim_tf.policies import random_policy
from recsim_tf.support.files import write_csv
from tests.experiment.tiny_runs import read_csv


def test_rows_add_up_to_the_result(tmp_path):
    simulator = recsim_tf.make("InterestEvolution-v1")
    result = Evaluation(30, 70).evaluator("Random", simulator, random_policy(simulator))()
    other = dataclasses.replace(result, name='Other, "quoted"')
    write_csv(tmp_path / "sessions.csv", sessions_table([result, other]))
    rows = read_csv(tmp_path / "sessions.csv")
    assert [row["policy"] for row in rows] == ["Random"] * 30 + ['Other, "quoted"'] * 30
    rows = rows[:30]
    assert [int(row["user"]) for row in rows] == list(range(30))
    returns, steps, clicks = (
        np.array([float(row[name]) for row in rows]) for name in ("return", "steps", "clicks")
    )
    np.testing.assert_array_equal(
        returns.astype(np.float32), result.sessions["return"].astype(np.float32)
    )
    assert steps.mean() == result["steps"].value
    assert np.isclose(clicks.sum() / steps.sum(), result["click_rate"].value)
    quality = sum(
        float(row["mean_quality"]) * float(row["clicks"]) for row in rows if row["mean_quality"]
    )
    assert np.isclose(quality / clicks.sum(), result["mean_quality"].value)
    outcomes = [row["outcome"] for row in rows]
    assert set(outcomes) == {"left", "cut_off"}
    assert outcomes.count("cut_off") == result.unfinished
    assert all((row["outcome"] == "cut_off") <= (row["steps"] == "70") for row in rows)


def test_outcomes_are_told_apart_and_without_a_click_there_is_no_quality(tmp_path):
    simulator = recsim_tf.make("InterestEvolution-v1")
    result = Evaluation(3, 1).evaluator("Random", simulator, random_policy(simulator))()
    sessions = {
        "return": np.zeros(3),
        "steps": np.full(3, 10.0),
        "clicks": np.array([2.0, 0, 1]),
        "left": np.array([1.0, 0, 0]),
        "time_limit": np.array([0, 1.0, 0]),
    }
    quality = {"quality": np.array([3.0, 0, 1])}
    for further, qualities in ((quality, ["1.5", "", "1"]), ({}, [None] * 3)):
        shown = dataclasses.replace(result, sessions=sessions | further)
        write_csv(tmp_path / "sessions.csv", sessions_table([shown]))
        rows = read_csv(tmp_path / "sessions.csv")
        assert [row["outcome"] for row in rows] == ["left", "time_limit", "cut_off"]
        assert [row.get("mean_quality") for row in rows] == qualities
        assert [row["clicks"] for row in rows] == ["2", "0", "1"]


@pytest.mark.slow
def test_plots_are_figures_that_the_caller_writes():
    simulator = recsim_tf.make("LongTermSatisfaction-v1")
    policies = {"Random": random_policy(simulator)}
    (axes,) = plot_returns(Evaluation(4, 2).evaluate(simulator, policies)).axes
    assert axes.get_xlabel().startswith("mean return")
    mass = "users.memory_discount"
    for values, is_drawn in (({mass: (0.5, 0.6)}, True), ({mass: (0.5,)}, False), ({}, False)):
        evaluation = Evaluation(4, 2, compare=values, seeds=(1, 2))
        results = evaluation.results(simulator, lambda of_rows: {"Random": random_policy(of_rows)})
        figure = plot_values(results)
        assert (figure is not None) == is_drawn
        if figure is not None:
            assert figure.axes[0].get_title() == "8 sessions a value"
