import itertools

import numpy as np
import pytest

from recsim_tf.agents.shared.slate_table import all_slates


@pytest.mark.parametrize(
    ("ordered", "choose"), [(True, itertools.permutations), (False, itertools.combinations)]
)
def test_all_slates_are_listed_in_lexicographic_order(ordered, choose):
    np.testing.assert_array_equal(all_slates(5, 3, ordered), list(choose(range(5), 3)))


def test_too_many_slates_are_refused():
    assert len(all_slates(20, 4, ordered=False)) == 4845
    with pytest.raises(
        ValueError,
        match=r"slate_size=4 of num_candidates=20 gives 116,280 slates, .* at most 20,000",
    ):
        all_slates(20, 4)
    with pytest.raises(
        ValueError, match=r"slate_size=10 of num_candidates=20 gives 184,756 slates"
    ):
        all_slates(20, 10, ordered=False)
