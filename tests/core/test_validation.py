# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

from recsim_tf.core.base.validation import check_probabilities, check_table, table_length


@pytest.mark.parametrize(
    "table",
    [[[1, 2, 3], [4, 5, 6]], np.zeros([2, 3]), tf.Variable(np.zeros([2, 3])), tf.zeros([7, 2, 3])],
)
def test_tables_may_have_an_axis_of_users_before_their_own(table):
    assert check_table("table", table, rows=2, columns=None) == [2, 3]


@pytest.mark.parametrize(
    ("table", "got"),
    [
        (1.0, r"or one for each user, got \(\)"),
        ([1.0, 2.0, 3.0], r"or one for each user, got \(3,\)"),
        (np.zeros([3, 2]), r"or one for each user, got \(3, 2\)"),
        (np.zeros([1, 1, 2, 3]), r"or one for each user, got \(1, 1, 2, 3\)"),
    ],
)
def test_tables_of_another_shape_are_refused(table, got):
    with pytest.raises(ValueError, match=r"table must have shape \[rows=2, columns=3\], " + got):
        check_table("table", table, rows=2, columns=3)


def test_the_length_of_a_table_is_that_of_its_last_axis():
    assert table_length("table", [[1, 2, 3], [4, 5, 6]]) == 3
    with pytest.raises(ValueError, match=r"table must be a table, got the number 0\.5"):
        table_length("table", 0.5)


@pytest.mark.parametrize(
    "probabilities",
    [(0.3, 0.7), [[0.5, 0.5], [1.0, 0.0]], np.full(3, 1 / 3), tf.Variable([2.0, 3.0])],
)
def test_probabilities_sum_to_one_where_their_values_are_known(probabilities):
    check_probabilities("probs", probabilities)


@pytest.mark.parametrize("probabilities", [(0.3, 0.6), [1.5, -0.5], [[0.5, 0.5], [1.0, 0.5]]])
def test_numbers_that_are_no_probabilities_are_refused(probabilities):
    with pytest.raises(ValueError, match="probs must be non-negative and sum to 1, got"):
        check_probabilities("probs", probabilities)
