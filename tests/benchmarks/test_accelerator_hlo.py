# SPDX-License-Identifier: Apache-2.0
"""What `benchmarks/accelerators/hlo.py` reads, in a text that is short enough to count."""

from pathlib import Path

import pytest
from accelerators import hlo

# A loop of steps, in which are a copy, two fusions, a conditional and a loop of three trips.
_TEXT = (Path(__file__).parents[1] / "data" / "rollout.hlo").read_text(encoding="utf-8")


def test_a_step_has_the_kernels_of_its_inner_loop_and_of_the_longest_branch():
    step = hlo.step_figures(_TEXT, with_branches=True)
    # Key, copy and columns; two of the branch; three trips of one.
    assert step.instructions == 3 + 2 + 3
    assert step.tiny == 1 + 3
    assert step.microseconds == pytest.approx(1.5 + 20 + 6 + 3 * 0.5)


def test_a_branch_that_does_not_count_is_one_instruction():
    step = hlo.step_figures(_TEXT, with_branches=False)
    assert step.instructions == 3 + 1 + 3
    assert step.cycles == 21_000


def test_arrays_are_padded_to_whole_tiles_of_their_minor_axes():
    step = hlo.step_figures(_TEXT, with_branches=False)
    # Twice [16384, 3], and [16384] of the conditional; keys and counters are too small to count.
    assert step.megabytes == pytest.approx((2 * 16384 * 3 + 16384) * 4 / 1e6)
    # Three of 128 lanes; then three of four sublanes.
    padded = 16384 * 128 + 4 * 16384 + 16384
    assert step.padded_megabytes == pytest.approx(padded * 4 / 1e6)


def test_a_program_without_a_loop_is_one_step():
    text = _TEXT.partition("ENTRY")[0].replace("%inner (", "ENTRY %inner (")
    assert hlo.step_figures(text, with_branches=True).instructions == 1
