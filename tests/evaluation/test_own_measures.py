import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.evaluation.outputs import results_table, write_sessions
from recsim_tf.evaluation.own_measures import TAKEN
from recsim_tf.experiment.sweeps.results import MEASURES
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
    return (result.sessions.own["level seen"] / 2 - 3) / 3


def test_a_measure_is_summed_over_the_session(result, levels):
    assert result.sessions.steps.tolist() == [LIMIT] * NUM_USERS
    assert ((levels >= 0) & (levels < 1)).all()
    assert levels.std() > 0.2
    found = result.measures["level seen"]
    values = result.sessions.own["level seen"]
    np.testing.assert_allclose(found["mean"], values.mean())
    np.testing.assert_allclose(found["standard_error"], values.std() / (NUM_USERS - 1) ** 0.5)


def test_segments_divide_the_users_by_their_state_at_the_start(result, levels):
    high = levels > 0.5
    np.testing.assert_array_equal(result.sessions.segments["high"], high)
    parts = result.segments["high"]
    assert {name: part["episodes"] for name, part in parts.items()} == {
        "0": (~high).sum(),
        "1": high.sum(),
    }
    of_high = parts["1"]["measures"]["level seen"]["mean"]
    np.testing.assert_allclose(of_high, result.sessions.own["level seen"][high].mean())
    assert parts["1"]["return"] == {"mean": 2.0 * LIMIT, "standard_error": 0.0}
    assert result.segments["all"]["0"]["measures"] == result.measures


def test_no_column_or_tag_can_be_overwritten(result, tmp_path):
    alone = result._replace(sessions=result.sessions._replace(own={}, segments={}))
    write_sessions(tmp_path / "sessions.csv", [alone])
    columns = read_csv(tmp_path / "sessions.csv")[0]
    tags = {tag.partition("/")[0] for tag in result._replace(measures={}, segments={}).tags("eval")}
    assert {*columns, *MEASURES, *tags} <= TAKEN


def test_they_are_in_the_files_the_tags_and_the_tables(result, tmp_path):
    write_sessions(tmp_path / "sessions.csv", [result])
    rows = read_csv(tmp_path / "sessions.csv")
    seen = [float(row["level seen"]) for row in rows]
    np.testing.assert_allclose(seen, result.sessions.own["level seen"])
    assert [row["high"] for row in rows] == [
        f"{high:.0f}" for high in result.sessions.segments["high"]
    ]
    content = result.as_json()
    assert (content["measures"], content["segments"]) == (result.measures, result.segments)
    tags = result.tags("eval")
    assert tags["level seen/eval"] == result.measures["level seen"]["mean"]
    assert tags["return/high=1/eval"] == 2 * LIMIT
    assert "level seen/high=1/eval" in tags
    lines = results_table([result]).splitlines()
    assert "level seen" in lines[0]
    assert sum(line.startswith("First") for line in lines) == 4
    assert any(line.split()[:3] == ["First", "high", "1"] for line in lines)
