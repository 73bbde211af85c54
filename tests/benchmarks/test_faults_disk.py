# SPDX-License-Identifier: Apache-2.0
import pytest
from campaign.runner import unavailable

from tests.benchmarks.runs import quick_run


@pytest.mark.long
@pytest.mark.skipif(unavailable() is not None, reason="faults need Linux and a C compiler")
def test_a_full_disk_is_a_line_and_loses_nothing(tmp_path):
    content, printed = quick_run(tmp_path, "faults.py", "disk")
    figures = content["figures"]
    assert figures["disk.runs"] >= 3
    for name in ("tracebacks", "unclear", "lost", "left_over"):
        assert figures[f"disk.{name}"] == 0, printed
    assert "a disk of a size" in printed
