# SPDX-License-Identifier: Apache-2.0
"""skdr-eval as a judge. The logs need no skdr-eval; what it says is asked where it is installed."""

import numpy as np
import pytest
from judging import skdr_logs

from tests.benchmarks.runs import quick_run

CLAIMS = {"better": 1, "equal": 0, "worse": -1}


@pytest.mark.parametrize("name", ["one step", "10 steps", "120 slates"])
def test_half_of_the_new_policies_earn_more_and_the_others_no_more(name):
    cases = list(skdr_logs.cases(name, 8, num_sessions=20))
    gains = np.array([each.logged.value - each.logged.logged_value for each in cases])
    signs = np.where(np.abs(gains) < 1e-9, 0, np.sign(gains))
    assert signs.tolist() == [CLAIMS[claim] for claim in 2 * skdr_logs.CLAIMS]
    assert [each.is_better for each in cases] == (gains > 1e-9).tolist()


@pytest.mark.parametrize("name", ["one step", "10 steps"])
def test_the_policy_of_contexts_is_the_one_whose_probabilities_the_log_has(name):
    for case in skdr_logs.cases(name, 8, num_sessions=30):
        log = case.logged.log
        digits = skdr_logs.NUM_DOCUMENTS ** np.arange(skdr_logs.SLATE_SIZE)[::-1]
        number = np.searchsorted(skdr_logs.SLATES @ digits, log.slate @ digits)
        policy = case.new(case.context)
        np.testing.assert_allclose(policy[:, skdr_logs.SIX].sum(axis=1), 1)
        shown = np.take_along_axis(policy, number, axis=1)
        np.testing.assert_allclose(np.exp(log.target.slate), shown, rtol=1e-4)


def test_a_quick_run_prints_the_tests_and_the_table(tmp_path):
    pytest.importorskip("skdr_eval")
    content, printed = quick_run(tmp_path, "judges.py", "skdr_eval")
    assert content["figures"]["judges.skdr_tests"] > 20
    assert 0 <= content["figures"]["judges.skdr.one step.skdr-eval.wrong_deploys"] <= 1
    assert "coverage, ar1" in printed
    assert "right deploys" in printed
