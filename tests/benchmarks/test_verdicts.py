# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from tests.benchmarks.runs import quick_section


@pytest.mark.long
def test_a_quick_section_of_estimates_tells_what_is_believed():
    figures, _ = quick_section("off_policy.believed.measure")
    for name in ("near", "right model", "half, sharp policy", "fitted to the log"):
        assert 0 <= figures[f"ope.{name}.believed"] <= 1
    assert figures["ope.found_propensities"] >= 0


@pytest.mark.long
def test_a_quick_section_of_validations_tells_alarms_and_faults():
    figures, details = quick_section("fits.verdicts_of_validation.validate")
    assert 0 <= figures["validate.false_alarms"] <= 1
    assert figures["validate.power.appeal turns round"] == 1
    assert np.isfinite(figures["validate.no_users_trusted"])
    assert len(details["missed"]) <= 2


@pytest.mark.long
def test_a_quick_section_of_rankings_tells_a_turned_sign():
    figures, _ = quick_section("fits.verdicts_of_rankings.chosen")
    assert figures["chosen.believed_wrongly"] == 0
    assert "chosen.coverage.sign turned" in figures


def test_a_quick_section_of_differences_counts_the_logs_in_which_both_are_believed():
    figures, _ = quick_section("off_policy.differences.measure")
    for name in ("right, one step", "slope 0.5, one step"):
        # Of two logs.
        assert figures[f"difference.{name}.believed"] in (0, 0.5, 1)
    assert "difference.least_coverage" in figures


def test_a_quick_section_of_systems_that_react_finds_many_clicks():
    figures, _ = quick_section("fits.verdicts_of_reacting_systems.reacting")
    assert figures["validate.reacting_power.many clicks"] == 1
    assert 0 <= figures["validate.reacting_false_alarms"] <= 1


def test_a_quick_section_of_misleading_logs_has_a_row_for_each_world():
    figures, _ = quick_section("off_policy.doctor.measure")
    for name in ("R2", "R7a", "R8"):
        assert figures[f"doctor.{name}.found"] == 1
    assert figures["doctor.false_accusations"] <= 1
    assert "doctor.winner" in figures
