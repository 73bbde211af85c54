# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf
from recipes.shelf import Households, Item, read_shelf, shelf, shelf_parameters

import recsim_tf
from recsim_tf.fitting import LBFGS, Draws, fit
from recsim_tf.policies import random_policy
from tests.real_worlds import tables
from tests.refusals import assert_refused


@pytest.fixture(scope="module")
def log():
    return read_shelf(tables.purchases())


def test_a_purchase_is_a_step_with_all_brands_and_their_attributes(log):
    table = tables.purchases()
    assert (log.num_sessions, log.max_length, log.slate_size) == (10, 5, 4)
    assert list(log.labels.document) == list(tables.BRANDS)
    np.testing.assert_array_equal(log.documents[0, 0], range(4))
    rows = table[(table["id"] == 3) & (table["chid"] == 2)]
    np.testing.assert_allclose(log.hidden[3, 2], rows[["price", "feat"]], rtol=1e-6)
    assert log.response[3, 2] == np.flatnonzero(rows["choice"])[0]


def test_one_attribute_is_a_column_too():
    assert read_shelf(tables.purchases(), ("price",)).hidden.shape == (10, 5, 4, 1)


def test_a_file_has_the_same_log(tmp_path, log):
    tables.purchases().to_csv(tmp_path / "yogurt.csv", index=False)
    read = read_shelf(str(tmp_path / "yogurt.csv"))
    np.testing.assert_array_equal(read.response, log.response)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="id"), "column 'id' is missing: the table has "),
        (lambda table: table.drop(columns="alt"), "column 'alt' is missing: the table has "),
        (
            lambda table: table.assign(
                alt=table["alt"].replace(tables.BRANDS[1], tables.BRANDS[0])
            ),
            "row 1 of the table has an alternative that is in its choice already",
        ),
    ],
)
def test_what_is_no_shelf_is_refused(change, message):
    assert_refused(lambda: read_shelf(change(tables.purchases())), message)


def test_utilities_are_those_of_the_docstring():
    users = Households(
        num_brands=2, taste=[1.0, -2.0], spread=[0.5, 0.0], habit=2.0, inertia=3.0, memory=0.75
    )
    state = users.initial_state(tf.constant([[2.0, 1.0]]))
    item = Item(tf.constant([[1, 0]]), tf.constant([[[1.0, 0.5], [0.0, 1.5]]]))
    slate = recsim_tf.Slate(item, tf.ones([1, 2], tf.bool))

    def difference(state):
        first, second = np.log(users.response(state, slate).probs[0, :2])
        return first - second

    assert difference(state) == pytest.approx(2.0 - 1.0 + 3.0, rel=1e-5)
    # The brand in the first place, which is the second brand, is bought.
    state = users.update(state, slate, recsim_tf.Clicks(tf.constant([[1.0, 0.0]])), ())
    np.testing.assert_allclose(state.loyalty, [[0.375, 0.625]])
    assert difference(state) == pytest.approx(4.0 + 2.0 * 0.25 + 3.0, rel=1e-5)


@pytest.mark.slow
def test_a_shelf_is_checked_fitted_and_simulates(log):
    simulator = shelf()
    recsim_tf.check(simulator)
    method = Draws(20, points="halton", search=LBFGS(2, progress=False), uncertainty=None)
    result = fit(simulator, shelf_parameters(), log, method=method)
    assert result.climbed_log_likelihood < 0
    fitted = result.simulator
    clicked = fitted.rollout(random_policy(fitted), 5, 3, seed=0).transitions.response.clicked
    np.testing.assert_array_equal(tf.reduce_sum(clicked, axis=2), np.ones([3, 5]))


def test_without_tastes_of_brands_there_are_those_of_attributes():
    assert shelf(4, 6, brand_tastes=False).users.taste.shape == (6,)
