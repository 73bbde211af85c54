import itertools

import numpy as np
import pytest

from recsim_tf.agents.shared.slate_table import all_slates


@pytest.mark.parametrize(
    ("ordered", "choose"), [(True, itertools.permutations), (False, itertools.combinations)]
)
def test_all_slates_are_listed_in_lexicographic_order(ordered, choose):
    np.testing.assert_array_equal(all_slates(5, 3, ordered), list(choose(range(5), 3)))


def test_sets_of_slates_may_be_many_more_than_their_orders():
    assert len(all_slates(20, 4, ordered=False)) == 4845
