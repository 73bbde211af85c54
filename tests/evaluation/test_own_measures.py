# SPDX-License-Identifier: Apache-2.0
import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf.evaluation import Mean, Measure
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.evaluation.measures import TAKEN, session_measures
from recsim_tf.evaluation.outputs import sessions_table
from recsim_tf.evaluation.policy_results import Results
from recsim_tf.experiment.sweeps.results import MEASURES
from recsim_tf.support.files import write_csv
from tests.core.toy import toy_simulator
from tests.experiment.tiny_runs import read_csv
from tests.rollout_policies import first_positions

NUM_USERS, LIMIT = 50, 3


def hidden_seen(transition):
    return tf.reduce_sum(transition.response.level, axis=1)


def is_high(user):
    return user.level > 0.5


@pytest.fixture(scope="module")
def result():
    evaluation = Evaluation(
        NUM_USERS,
        max_steps=10,
        measures={"level seen": hidden_seen},
        segments={"high": is_high, "all": lambda user: tf.zeros([NUM_USERS], tf.int32)},
    )
    return evaluation.evaluator("First", toy_simulator(limit=LIMIT), first_positions(2))()


@pytest.fixture(scope="module")
def levels(result):
    """The users' levels at the start, by what the sessions saw: two documents at three levels."""
    return (result.sessions["level seen"] / 2 - 3) / 3


def test_a_measure_is_summed_over_the_session(result, levels):
    assert result.sessions["steps"].tolist() == [LIMIT] * NUM_USERS
    assert ((levels >= 0) & (levels < 1)).all()
    assert levels.std() > 0.2
    assert result["level seen"] == Mean.of(result.sessions["level seen"])


def test_segments_divide_the_users_by_their_state_at_the_start(result, levels):
    high = levels > 0.5
    np.testing.assert_array_equal(result.sessions["high"], high)
    parts = result.segments["high"]
    assert {name: part.episodes for name, part in parts.items()} == {
        "False": (~high).sum(),
        "True": high.sum(),
    }
    assert parts["True"]["level seen"] == Mean.of(result.sessions["level seen"][high])
    assert parts["True"]["return"] == Mean(2.0 * LIMIT, 0.0, high.sum() - 1)
    assert result.segments["all"]["0"].means == result.means


def test_no_column_or_tag_can_be_overwritten(result, tmp_path):
    alone = dataclasses.replace(result, given=(), segments={})
    write_csv(tmp_path / "sessions.csv", sessions_table([alone]))
    columns = read_csv(tmp_path / "sessions.csv")[0]
    tags = {tag.partition("/")[0] for tag in alone.tags("eval")}
    simulator = recsim_tf.interest_evolution()
    measures = session_measures(simulator.observation_spec().response)
    names = {name.partition("/")[0] for name in measures}
    assert {*columns, *MEASURES, *tags, *Results([alone]).rows()[0], *names} <= TAKEN


def test_they_are_in_the_files_the_tags_and_the_tables(result, tmp_path):
    write_csv(tmp_path / "sessions.csv", sessions_table([result]))
    rows = read_csv(tmp_path / "sessions.csv")
    seen = [float(row["level seen"]) for row in rows]
    np.testing.assert_allclose(seen, result.sessions["level seen"])
    assert [row["high"] for row in rows] == [str(high) for high in result.sessions["high"]]
    content = result.as_json()
    seen = result["level seen"]
    expected = {"level seen": {"mean": seen.value, "standard_error": seen.standard_error}}
    assert content["measures"] == content["segments"]["all"]["0"]["measures"] == expected
    tags = result.tags("eval")
    assert tags["level seen/eval"] == seen.value
    assert tags["return/high=True/eval"] == 2 * LIMIT
    assert "level seen/high=True/eval" in tags
    lines = str(Results([result])).splitlines()
    assert "level seen" in lines[0]
    assert sum(line.startswith("First") for line in lines) == 4
    assert any(line.split()[:3] == ["First", "high", "True"] for line in lines)


def test_a_measure_may_be_a_ratio_or_a_number_of_all_sessions():
    measures = {
        "level seen": hidden_seen,
        "level a step": Measure.ratio("level seen", "steps"),
        "most seen": Measure(summary=lambda seen: seen.max(), of=("level seen",)),
    }
    evaluation = Evaluation(NUM_USERS, 10, measures=measures, segments={"high": is_high})
    (result,) = evaluation.evaluate(toy_simulator(limit=LIMIT), {"First": first_positions(2)})
    seen = result.sessions["level seen"]
    assert result["level a step"] == Mean.of_ratio(seen, np.full(NUM_USERS, LIMIT))
    assert result["most seen"].value == seen.max()
    assert result.as_json()["measures"]["most seen"] == {"mean": seen.max(), "standard_error": None}
    assert list(result.segments["high"]["True"].given) == list(measures)
