"""Sessions against the means that were measured on RecSim 0.2.4, within 4 standard errors of the
difference.
"""

import pytest

from tests.environments.recsim_reference import CASES, compare


@pytest.mark.parametrize(
    "case",
    CASES,
    ids=[f"{case.environment}, {case.policy_name}, {case.slate_size} of 10" for case in CASES],
)
def test_sessions_are_distributed_as_in_recsim(case):
    for comparison in compare(case, num_users=3000, seed=2):
        assert abs(comparison.deviation) <= 4, comparison
