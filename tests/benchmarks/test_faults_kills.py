# SPDX-License-Identifier: Apache-2.0
import pytest
from campaign.runner import unavailable

from tests.benchmarks.runs import quick_run


@pytest.mark.long
@pytest.mark.skipif(unavailable() is not None, reason="faults need Linux and a C compiler")
def test_runs_that_are_killed_go_on_to_the_same_results_and_leave_nothing(tmp_path):
    content, printed = quick_run(tmp_path, "faults.py", "kills")
    figures = content["figures"]
    assert figures["kills.runs"] >= 7
    for name in ("not_resumed", "different", "left_over", "unclear"):
        assert figures[f"kills.{name}"] == 0, printed
    assert "train, killed" in printed
