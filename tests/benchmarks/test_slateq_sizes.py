# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from tests.benchmarks.runs import quick_run


@pytest.mark.long
def test_a_quick_run_of_a_size_gives_the_part_of_the_oracle(tmp_path):
    content, printed = quick_run(tmp_path, "slateq_sizes.py", "--size=3_of_20")
    found = content["figures"]
    expected = np.mean(content["returns"]["3_of_20"]) / found["3_of_20/oracle"]
    assert np.isclose(found["3_of_20"], expected)
    assert "3 of 20" in printed
    assert "Not reached" not in printed
