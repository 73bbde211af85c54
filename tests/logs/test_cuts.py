# SPDX-License-Identifier: Apache-2.0
"""Steps at which a log cuts sessions, worked out by hand."""

import numpy as np

from recsim_tf.logs.cuts import Cuts
from recsim_tf.logs.log import Log


def test_a_user_who_leaves_after_a_step_is_not_at_risk_of_a_cut_after_it():
    """At risk of a cut after step 1 are the 2,000 sessions that go on; 500 are cut there. After
    step 2 it is 500 of 1,000, and after step 3 the other 500.
    """
    number = {(1, True): 4000, (2, True): 500, (1, False): 500, (2, False): 500, (3, False): 500}
    length, departed = np.repeat(np.array(list(number)), list(number.values()), axis=0).T
    log = Log(length.astype(np.int32), departed.astype(bool), shown=np.ones([6000, 3, 1], bool))
    drawn = Cuts(log).draw(seed=0)
    np.testing.assert_array_equal(drawn[4500:], length[4500:])
    for sessions, expected in (
        (slice(0, 4000), [1 / 4, 3 / 4 * 1 / 2, 3 / 4 * 1 / 2]),
        (slice(4000, 4500), [0, 1 / 2, 1 / 2]),  # They were not cut after step 1.
    ):
        count = drawn[sessions].size
        shares = np.bincount(drawn[sessions], minlength=4)[1:] / count
        errors = np.sqrt(np.multiply(expected, np.subtract(1, expected)) / count)
        assert (np.abs(shares - expected) <= 4 * errors).all(), shares
