# SPDX-License-Identifier: Apache-2.0
import pytest

from tests.benchmarks.runs import quick_run


@pytest.mark.long
def test_a_quick_suite_scores_an_agent_and_random_slates(tmp_path):
    content, printed = quick_run(tmp_path, "suite.py")
    feed = content["environments"]["feed"]
    assert {*feed["policies"]} == {"Random", "reinforce_myopic"}
    assert feed["agent"]["policy"] == "reinforce_myopic"
    assert content["figures"]["figures.unmatched"] == 0
    assert "suite.environments_with_bound: 1" in printed
