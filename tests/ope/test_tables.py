# SPDX-License-Identifier: Apache-2.0
"""Logs of tables, of Open Bandit and of obp: what is read, and what is refused."""

import logging

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from recsim_tf import logs, ope
from recsim_tf.logs import read_open_bandit
from recsim_tf.policies import PlackettLucePolicy
from tests.logs.datasets.test_open_bandit import write
from tests.ope.worlds import log_of_clicks, near
from tests.refusals import assert_refused


def table(**replaced):
    """Two sessions, b with two steps, the second a short slate, and a with one; in disorder."""
    columns = {
        "session": ["b", "b", "a", "b", "a"],
        "step": [3, 3, 0, 7, 0],
        "position": [1, 0, 0, 1, 1],
        "document": [2, 0, 1, 1, 0],
        "reward": [0.5, 0, 1, 2, 0],
        "propensity": [0.2, 0.2, 0.3, 0.5, 0.3],
        "propensity_prefix": [0.2, 0.5, 0.6, 0.5, 0.3],
        "propensity_position": [0.4, 0.5, 0.6, 0.5, 0.3],
        "target_propensity": [0.1, 0.1, 0.0, 0.5, 0.0],
    }
    return pd.DataFrame(columns | replaced)


def changed(column, row, value):
    frame = table()
    frame[column] = frame[column].astype(object)
    frame.loc[row, column] = value
    return frame


def test_rows_become_sessions_with_probabilities_of_both_policies():
    log = logs.from_table(table())
    np.testing.assert_array_equal(log.active, [[True, True], [True, False]])
    # The last step of the shorter session is there again.
    np.testing.assert_array_equal(log.slate, [[[0, 2], [-1, 1]], [[1, 0], [1, 0]]])
    np.testing.assert_array_equal(log.reward, [[[0, 0.5], [0, 2]], [[1, 0], [1, 0]]])
    fields = ("slate", "prefix", "position")
    probs = {name: np.exp(getattr(log.propensity, name)) for name in fields}
    np.testing.assert_allclose(probs["slate"], [[0.2, 0.5], [0.3, 0.3]])
    first, second = [[0.5, 0.2], [1, 0.5]], [[0.6, 0.3]] * 2
    np.testing.assert_allclose(probs["prefix"], [first, second])
    np.testing.assert_allclose(probs["position"], [[[0.5, 0.4], [1, 0.5]], second])
    np.testing.assert_allclose(np.exp(log.target.slate), [[0.1, 0.5], [0, 0]])
    assert log.propensity.set == log.target.prefix == log.observation == ()
    weights = ope.evaluate(None, log, ["ips"])["ips"]
    # (0.1 / 0.2) 0.5 + (0.1 / 0.2) (0.5 / 0.5) 2, and a session that the target never shows.
    assert weights.value == pytest.approx((0.25 + 1.0) / 2)


def test_the_prefix_at_an_empty_position_is_that_of_the_slate_so_far():
    filled = {"session": list("abb"), "position": [0, 0, 2], "document": [0, 1, 0]}
    probs = {"propensity_prefix": [0.5, 0.4, 0.1], "target_propensity_prefix": [0.25, 0.8, 0.3]}
    frame = pd.DataFrame(filled | probs | {"reward": 1.0})
    log = logs.from_table(frame, slate_size=3)
    np.testing.assert_array_equal(log.slate[:, 0], [[0, -1, -1], [1, -1, 0]])
    expected = [[0.5, 0.5, 0.5], [0.4, 0.4, 0.1]]
    np.testing.assert_allclose(np.exp(log.propensity.prefix[:, 0]), expected)
    np.testing.assert_allclose(np.exp(log.propensity.slate[:, 0]), [0.5, 0.1])
    estimate = ope.evaluate(None, log, ["rips"])["rips"]
    assert estimate.value == pytest.approx((0.25 / 0.5 + 0.8 / 0.4 + 0.3 / 0.1) / 2)


def test_the_prefix_of_the_last_position_is_the_slate_and_one_item_is_all():
    prefix = table().drop(columns=["propensity", "propensity_position", "target_propensity"])
    log = logs.from_table(prefix)
    np.testing.assert_allclose(np.exp(log.propensity.slate), [[0.2, 0.5], [0.3, 0.3]])
    first = table()[table()["position"] == 0].drop(columns="propensity_prefix")
    with pytest.raises(
        ValueError, match="'propensity_position' must equal propensity, as the slates"
    ):
        logs.from_table(first)
    single = logs.from_table(first.drop(columns="propensity_position"))
    for values in single.propensity:
        np.testing.assert_allclose(np.exp(values).ravel(), [0.2, 0.3])


FAULTS = [
    ("propensity", 3, 0, r"be in \(0, 1\], got 0", "invalid propensity"),
    ("propensity", 3, None, r"be in \(0, 1\], got None", "invalid propensity"),
    ("propensity_position", 3, 1.5, r"be in \(0, 1\], got 1.5", "invalid propensity_position"),
    ("target_propensity", 3, -0.1, r"be in \[0, 1\], got -0.1", "invalid target_propensity"),
    ("propensity", 0, 0.25, "be the same in all rows of a slate", "propensity differs"),
    ("propensity_prefix", 0, 0.51, "not grow along the slate, got 0.51", "growing propensity_pref"),
    ("reward", 3, np.inf, "be a finite number, got inf", "invalid reward"),
]


@pytest.mark.parametrize(("column", "row", "value", "message", "reason"), FAULTS)
def test_a_fault_is_named_by_its_place_or_its_session_is_dropped_and_counted(
    column, row, value, message, reason, caplog
):
    frame = changed(column, row, value)
    place = rf"^row ., column '{column}' must "
    assert_refused(lambda: logs.from_table(frame), place + message)
    with caplog.at_level(logging.WARNING):
        log = logs.from_table(frame, drop_invalid=True, slate_size=2)
    assert f"1 of 2 sessions dropped: {reason}" in caplog.text
    assert log.num_sessions == 1


def test_columns_and_candidates_that_lack_are_named():
    for call, message in (
        (
            lambda: logs.from_table(changed("reward", 0, "x").iloc[[0]], drop_invalid=True),
            "table must have a session without a fault, got none: 1 of 1",
        ),
        (
            lambda: ope.evaluate(near(1.0), logs.from_table(table())),
            "log.observation must be given .* candidates=, or .* target_propensity",
        ),
        (
            lambda: logs.from_table(table(), candidates=candidates()[1:]),
            "row ., column 'document' must be of a step with 3 candidates, as most steps have",
        ),
        (
            lambda: logs.from_table(table(), candidates=candidates().query("document < 2")),
            "row 0, column 'document' must be one of the candidates of its step, got 2",
        ),
        (
            lambda: logs.from_table(table(), candidates=candidates().replace({"document": {2: 1}})),
            "row ., column 'document' must differ from the other candidates of its step, got 1",
        ),
        (
            lambda: logs.from_table(table(), candidates=candidates().assign(price=np.nan)),
            "row 0, column 'price' must be a finite number that float32 holds, got nan",
        ),
    ):
        assert_refused(call, message)


def candidates():
    rows = [(*place, item) for place in (("b", 3), ("b", 7), ("a", 0)) for item in range(3)]
    frame = pd.DataFrame(rows, columns=["session", "step", "document"])
    return frame.assign(price=np.arange(9.0), hue=1.0)


def test_candidates_are_what_a_policy_is_asked_about():
    log = logs.from_table(table(), candidates=candidates().sample(frac=1, random_state=0))
    documents = log.observation.documents
    np.testing.assert_array_equal(documents[..., 0], [[[0, 1, 2], [3, 4, 5]], [[6, 7, 8]] * 2])
    np.testing.assert_array_equal(documents[0, :, :, 1], 1)
    policy = PlackettLucePolicy.of_logits(lambda seen: 0.1 * seen.documents[..., 0], 2)
    full = logs.from_table(table()[table()["step"] != 7], candidates=candidates())
    result = ope.evaluate(policy, full, ["ips"])
    first = full.observation._replace(documents=full.observation.documents[:, 0])
    probs = np.exp(policy.log_prob(first, full.slate[:, 0]))
    expected = np.mean(probs / [0.2, 0.3] * [0.5, 1.0])
    assert result["ips"].value == pytest.approx(expected, rel=1e-6)


def test_impressions_of_open_bandit_are_slates_of_one_item_at_a_position(tmp_path):
    log = read_open_bandit(write(tmp_path), "men").log
    np.testing.assert_array_equal(log.slate, [[[2]], [[0]], [[2]]])
    np.testing.assert_array_equal(log.reward, [[[0]], [[1]], [[0]]])
    for values in log.propensity:
        np.testing.assert_allclose(np.exp(values).ravel(), [0.25, 0.5, 1])
    np.testing.assert_array_equal(log.observation.user["position"], [[2], [0], [1]])
    probs = np.array([[0.5, 0.25, 0.25], [0.0, 0.0, 1.0], [0.1, 0.2, 0.7]])
    with np.errstate(divide="ignore"):
        logits = np.log(probs)
    policy = PlackettLucePolicy.of_logits(
        lambda seen: tf.gather(tf.constant(logits), seen.user["position"]), 1
    )
    assert ope.evaluate(policy, log, ["ips"])["ips"].value == pytest.approx(0.5 / 0.5 / 3)


def test_another_log_of_open_bandit_is_judged_by_how_often_it_shows_items(tmp_path):
    """Here its own: one impression at each position."""
    impressions = read_open_bandit(write(tmp_path), "men")
    log = logs.open_bandit_log(impressions, impressions)
    np.testing.assert_array_equal(log.target.slate, np.zeros([3, 1]))
    result = ope.evaluate(None, log, ["ips"])
    assert result["ips"].value == pytest.approx(1 / 0.5 / 3)
    assert_refused(lambda: logs.open_bandit_log(impressions, log), "target must be .*OpenBanditLog")


@pytest.mark.slow
def test_slates_go_to_obp_and_come_back():
    log, policy = log_of_clicks(), near(2.0)
    feedback = logs.to_obp(log, policy)
    assert feedback["context"].shape == (1000, 7)
    assert feedback["n_unique_action"] == 6
    back = logs.from_obp(feedback)
    np.testing.assert_array_equal(back.slate, log.slate)
    np.testing.assert_array_equal(back.reward, log.reward)
    for name in ("slate", "prefix", "position"):
        expected = getattr(log.propensity, name)
        np.testing.assert_allclose(getattr(back.propensity, name), expected, rtol=1e-12, atol=1e-12)
    names = ["ips", "snips", "iips", "rips"]
    of_log, of_back = ope.evaluate(policy, log, names), ope.evaluate(None, back, names)
    for name in names:
        assert of_back[name].value == pytest.approx(of_log[name].value, rel=1e-9)
    frame = pd.DataFrame(
        {name: feedback[name] for name in feedback if np.ndim(feedback[name]) == 1}
    )
    same = {"observation": (), "labels": logs.Labels()}
    tf.nest.map_structure(
        np.testing.assert_array_equal,
        logs.from_table(frame)._replace(**same),
        back._replace(**same),
    )


@pytest.mark.slow
def test_single_items_go_to_obp_and_come_back():
    generator = np.random.default_rng(0)
    probs = generator.dirichlet(np.ones(4), [50, 2])
    feedback = {
        "n_rounds": 50,
        "n_actions": 4,
        "action": generator.integers(4, size=50),
        "position": generator.integers(2, size=50),
        "reward": generator.random(50),
        "pscore": generator.uniform(0.1, 0.9, 50),
        "context": generator.normal(size=[50, 3]),
        "action_context": np.eye(4),
    }
    log = logs.from_obp(feedback, probs.swapaxes(1, 2))
    weights = probs[np.arange(50), feedback["position"], feedback["action"]] / feedback["pscore"]
    found = ope.evaluate(None, log, ["ips", "snips"])
    assert found["ips"].value == pytest.approx((weights * feedback["reward"]).mean())
    expected = (weights * feedback["reward"]).sum() / weights.sum()
    assert found["snips"].value == pytest.approx(expected)
    policy = PlackettLucePolicy.of_logits(lambda seen: seen.user @ tf.ones([3, 4], tf.float64), 1)
    again = logs.to_obp(log, policy)
    for name in ("n_rounds", "n_actions", "action", "reward", "pscore"):
        np.testing.assert_allclose(again[name], feedback[name])
    np.testing.assert_allclose(again["action_dist"], np.full([50, 4, 1], 0.25))


ITEMS = {
    "n_actions": 3,
    "action": [2, 0, 1],
    "position": [0, 1, 0],
    "reward": [1.0, 0.0, 0.5],
    "pscore": [0.2, 0.5, 1.0],
    "context": [[0.5], [1.5], [2.0]],
    "action_context": np.eye(3),
}
SLATES = {"slate_id": [1, 1, 0], "position": [1, 0, 0], "pscore": [0.2, 0.2, 0.3], "n_actions": 3}
EVEN = np.full([3, 3, 2], 1 / 3)
FEEDBACK = [
    ({"action": None}, None, "feedback must have 'action', got none"),
    ({"action": [0.5, 1, 2]}, None, r"feedback\['action'\] must be integers \[n\], got float64"),
    ({"action": [0, 3, 1]}, None, r"feedback\['action'\] must be in \[0, 3\), got 3 in row 1"),
    ({"reward": [[1], [1, 2]]}, None, r"feedback\['reward'\] must be an array, got rows of diff"),
    ({"reward": [1.0, np.inf, 0.0]}, None, r"feedback\['reward'\] must be finite, got inf at \[1"),
    ({"pscore": [0.2, 0.5]}, None, r"feedback\['pscore'\] must have shape \[3\], got \[2\]"),
    ({"pscore": [0.2, 1.5, 0.1]}, None, r"row 1, column 'pscore' must be in \(0, 1\], got 1.5"),
    ({"context": [["x"]] * 3}, None, r"feedback\['context'\] must hold numbers, got <U1"),
    ({"action_context": np.eye(2)}, None, r"feedback\['action_context'\] must have shape \[3, 2\]"),
    ({"position": [0, 2, 0]}, EVEN, r"feedback\['position'\] must be integers in \[0, 2\), as in"),
    ({}, EVEN[:2], r"action_dist must have shape \[3, 3, 2\], got \[2, 3, 2\]"),
    ({}, EVEN / 2, "action_dist must be probabilities that sum to 1 .* sum of 0.5 in round 0"),
    (SLATES | {"position": [0, 0, 0]}, None, "column 'position' must differ from the other pos"),
    (SLATES | {"action": [1, 1, 0]}, None, "'action' must differ from the other documents of"),
    (SLATES | {"pscore": [0.2, 0.3, 0.3]}, None, "column 'pscore' must be the same in all rows"),
    (SLATES | {"pscore_cascade": [0.4, 0.2, 0.3]}, None, "'pscore_cascade' must not grow along"),
]


@pytest.mark.parametrize(("changes", "action_dist", "message"), FEEDBACK)
def test_a_fault_of_feedback_is_named(changes, action_dist, message):
    logs.from_obp(ITEMS, EVEN)
    assert_refused(lambda: logs.from_obp(ITEMS | changes, action_dist), message)


@pytest.mark.slow
def test_what_obp_does_not_know_is_refused():
    log = log_of_clicks()
    whole = log._replace(reward=log.reward.sum(2, keepdims=True))
    short = log._replace(slate=np.where(np.arange(3) == 2, -1, log.slate))
    for one in (whole, short):
        assert_refused(
            lambda one=one: logs.to_obp(one), "log must have full slates and rewards by p"
        )
