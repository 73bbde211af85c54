# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pandas as pd
import pytest

from recsim_tf.environments.page_clicks import PageClickUsers, PageItems, page_clicks
from recsim_tf.fitting.methods.exact import session_log_prob
from recsim_tf.logs import page_log, read_open_bandit
from tests.refusals import assert_refused

NUM_ITEMS = 3


def impressions(**replaced) -> pd.DataFrame:
    columns = {
        "timestamp": [
            "2019-11-24 00:00:34.762830+00:00",
            "2019-11-24 00:00:35+00:00",
            "2019-11-25 00:00:34.762830+00:00",
        ],
        "item_id": [2, 0, 2],
        "position": [3, 1, 2],
        "click": [0, 1, 0],
        "propensity_score": [0.25, 0.5, 1.0],
        "user_feature_0": ["x", "y", "x"],
        "user_feature_1": ["x", "x", "x"],
        "user_feature_2": ["c", "b", "a"],
        "user_feature_3": ["x", "y", "y"],
    }
    affinities = {
        f"user-item_affinity_{item}": [item + 0.1, item + 0.2, item + 0.3]
        for item in range(NUM_ITEMS)
    }
    return pd.DataFrame(columns | affinities | replaced)


ITEMS = pd.DataFrame(
    {
        "item_id": [1, 0, 2],
        "item_feature_0": [-0.5, 0.25, 1.0],
        "item_feature_1": ["q", "p", "q"],
        "item_feature_2": ["p", "p", "p"],
        "item_feature_3": ["r", "p", "q"],
    }
)


def write(folder, frame=None, items=ITEMS, policy="random"):
    place = folder / policy / "men"
    place.mkdir(parents=True, exist_ok=True)
    (impressions() if frame is None else frame).to_csv(place / "men.csv")
    items.to_csv(place / "item_context.csv")
    return folder


def test_impressions_become_sessions_of_one_item_with_features_for_a_click_model(tmp_path):
    read = read_open_bandit(write(tmp_path), "men")
    log = read.log
    np.testing.assert_array_equal(log.length, [1, 1, 1])
    np.testing.assert_array_equal(log.documents, [[[2]], [[0]], [[2]]])
    np.testing.assert_array_equal(log.response, [[1], [0], [1]])
    np.testing.assert_array_equal(read.propensity, [0.25, 0.5, 1])
    assert log.shown.shape == (3, 1, 1)
    assert log.shown.all()
    assert not log.departed.any()
    assert log.documents.dtype == log.response.dtype == np.int32
    np.testing.assert_array_equal(read.item, [2, 0, 2])
    np.testing.assert_array_equal(read.clicked, [False, True, False])
    np.testing.assert_array_equal(read.position, [2, 0, 1])
    np.testing.assert_array_equal(read.user_features, [[0, 0, 2, 0], [1, 0, 1, 1], [0, 0, 0, 1]])
    assert [list(categories) for categories in read.user_categories] == [
        ["x", "y"],
        ["x"],
        ["a", "b", "c"],
        ["x", "y"],
    ]
    np.testing.assert_array_equal(read.affinity, np.float32([2.1, 0.2, 2.3]))
    np.testing.assert_array_equal(read.item_numeric, np.float32([0.25, -0.5, 1.0]))
    np.testing.assert_array_equal(read.item_categories, [[0, 0, 0], [1, 0, 1], [1, 0, 2]])
    assert read.num_items == NUM_ITEMS
    assert read.timestamp[1] == np.datetime64("2019-11-24T00:00:35")


def test_codes_agree_between_policies(tmp_path):
    random = read_open_bandit(write(tmp_path), "men")
    hashed = ITEMS.assign(
        item_feature_1=["P", "Q", "P"], item_feature_2="z", item_feature_3=["1", "2", "0"]
    )
    write(tmp_path, impressions(user_feature_0=["y", "new", "y"]), hashed, policy="bts")
    bts = read_open_bandit(tmp_path, "men", "bts", like=random)
    np.testing.assert_array_equal(bts.user_features[:, 0], [1, 2, 1])
    np.testing.assert_array_equal(bts.item_categories, random.item_categories)


def faulty(column, value):
    """The impressions with another value in row 1."""
    frame = impressions().astype({column: object})
    frame.loc[1, column] = value
    return frame


@pytest.mark.parametrize(
    ("frame", "items", "campaign", "message"),
    [
        *(
            (
                faulty(column, value),
                ITEMS,
                "men",
                rf"^row 1 \(line 3 .*\), column '{column}' must {allowed}",
            )
            for column, value, allowed in (
                ("timestamp", "noon", "be a date"),
                ("item_id", 3, r"be a whole number in \[0, 2\]"),
                ("position", 0, r"be a whole number in \[1, 3\]"),
                ("propensity_score", 1.5, r"be in \(0, 1\]"),
                ("user_feature_1", None, "be a hash"),
                ("user-item_affinity_2", None, "be a number of at least 0"),
            )
        ),
        (impressions().drop(columns="click"), ITEMS, "men", "column 'click' is missing"),
        (impressions().iloc[:0], ITEMS, "men", "must have at least one row, got 0"),
        (None, ITEMS.assign(item_id=[1, 0, 0]), "men", "^row 2 .* must differ from the other"),
    ],
)
def test_faults_and_other_campaigns_are_refused(tmp_path, frame, items, campaign, message):
    folder = write(tmp_path, frame, items)
    assert_refused(lambda: read_open_bandit(folder, campaign), message)


def test_each_impression_is_a_page_with_one_item_at_its_position(tmp_path):
    frame = impressions(**{"user-item_affinity_0": [0, 1, 0], "user-item_affinity_2": [0, 0, 7]})
    log = page_log(read_open_bandit(write(tmp_path, frame), "men"))
    np.testing.assert_array_equal(log.initial, [[0, 0, 2, 0], [1, 0, 1, 1], [0, 0, 0, 1]])
    np.testing.assert_array_equal(log.shown[:, 0], [[0, 0, 1], [1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(log.documents[:, 0], [[0, 0, 2], [0, 0, 0], [0, 2, 0]])
    np.testing.assert_array_equal(log.response[:, 0], [[0, 0, 0], [1, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(log.hidden[:, 0], [[0, 0, 0], [1, 0, 0], [0, 2, 0]])


def test_the_largest_affinity_of_a_page_is_a_count(tmp_path):
    impressions_read = read_open_bandit(write(tmp_path), "men")
    for most, got in ((-1, "-1"), (0.5, "0.5")):
        message = rf"max_affinity must be .*at least 0, got {got}"
        assert_refused(lambda most=most: page_log(impressions_read, most), message)


def test_the_log_is_scored_by_the_one_position_that_was_shown(tmp_path):
    read = read_open_bandit(write(tmp_path), "men")
    users = PageClickUsers(
        feature_probs=[[0.25] * 4] * 4, intercept=-1.0, position_effect=[0.0, 0.5, 1.0]
    )
    simulator = page_clicks(users=users, documents=PageItems(NUM_ITEMS, [0.0, 0.0, 0.5]))
    logits = -1.0 + np.array([1.5, 0.0, 1.0])
    expected = np.where(read.clicked, logits, 0) - np.log1p(np.exp(logits)) + 4 * np.log(0.25)
    np.testing.assert_allclose(session_log_prob(simulator, page_log(read)), expected, rtol=1e-5)
