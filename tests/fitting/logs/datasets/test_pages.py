import numpy as np

from recsim_tf.environments.page_clicks import PageClickUsers, PageItems, page_clicks
from recsim_tf.fitting import session_log_prob
from recsim_tf.fitting.logs import page_log, read_open_bandit
from tests.fitting.logs.datasets.test_open_bandit import NUM_ITEMS, impressions, write


def test_each_impression_is_a_page_with_one_item_at_its_position(tmp_path):
    frame = impressions(**{"user-item_affinity_0": [0, 1, 0], "user-item_affinity_2": [0, 0, 7]})
    log = page_log(read_open_bandit(write(tmp_path, frame), "men"))
    np.testing.assert_array_equal(log.initial, [[0, 0, 2, 0], [1, 0, 1, 1], [0, 0, 0, 1]])
    np.testing.assert_array_equal(log.shown[:, 0], [[0, 0, 1], [1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(log.documents[:, 0], [[0, 0, 2], [0, 0, 0], [0, 2, 0]])
    np.testing.assert_array_equal(log.response[:, 0], [[0, 0, 0], [1, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(log.hidden[:, 0], [[0, 0, 0], [1, 0, 0], [0, 2, 0]])
    np.testing.assert_array_equal(log.propensity, np.float32([[0.25], [0.5], [1]]))


def test_the_log_is_scored_by_the_one_position_that_was_shown(tmp_path):
    read = read_open_bandit(write(tmp_path), "men")
    users = PageClickUsers(
        feature_probs=[[0.25] * 4] * 4, intercept=-1.0, position_effect=[0.0, 0.5, 1.0]
    )
    simulator = page_clicks(users=users, documents=PageItems(NUM_ITEMS, [0.0, 0.0, 0.5]))
    logits = -1.0 + np.array([1.5, 0.0, 1.0])
    expected = np.where(read.clicked, logits, 0) - np.log1p(np.exp(logits)) + 4 * np.log(0.25)
    np.testing.assert_allclose(session_log_prob(simulator, page_log(read)), expected, rtol=1e-5)
