# SPDX-License-Identifier: Apache-2.0
"""Studies of estimators where the truth is known."""

import pytest
from off_policy.studies import Study, StudyRow, study

from recsim_tf import ope
from tests.ope.worlds import CLICKS, near


@pytest.mark.slow
def test_a_study_gives_bias_error_and_coverage_by_rollouts():
    found = study(CLICKS, near(1.0), near(4.0), (100, 1000), ["ips", "snips", "iips"], num_logs=20)
    assert len(found.rows) == 6
    for size in (100, 1000):
        row = found["snips", size]
        assert abs(row.bias) <= 4 * row.bias_error + 0.01
        assert row.coverage >= 0.8
        assert row.error < found["ips", size].error
        assert sum(found.readings[size].values()) == 1
    assert found["snips", 1000].error < 0.6 * found["snips", 100].error
    biased = found["iips", 1000]
    assert abs(biased.bias) > 4 * biased.bias_error
    assert biased.coverage < 0.9
    direct = ope.truth(CLICKS, near(4.0), 1, seed=1)
    assert found.truth == direct.value
    assert str(found).splitlines()[0].split()[:2] == ["estimator", "sessions"]


@pytest.mark.long
def test_a_study_simulates_a_model_beside_each_log():
    found = study(
        CLICKS, near(1.0), near(4.0), (500,), ["simulated", "calibrated"], num_logs=4, model=CLICKS
    )
    assert found["simulated", 500].bias_error > 0
    assert abs(found["calibrated", 500].bias) < 0.05
    frame = found.to_frame().set_index("estimator")
    assert frame.loc["calibrated", "bias"] == found["calibrated", 500].bias
    assert list(frame["sessions of a log"]) == [500, 500]
    assert found._repr_html_().count("<tr>") == 3


def test_a_row_that_a_study_lacks_is_named_with_those_that_it_has():
    rows = [StudyRow("snips", size, 0.0, 0.1, 0.2, 0.9, 1.0) for size in (100, 1000)]
    few = Study(rows, 1.0, 1.0, {})
    assert few["snips", 1000] is rows[1]
    expected = r"must have a row for \('snips', 999\), it has \('snips', 100\), \('snips', 1000\)"
    with pytest.raises(KeyError, match=expected):
        few["snips", 999]


def test_a_study_needs_sizes_of_logs():
    with pytest.raises(ValueError, match=r"log_sizes must be numbers of sessions, as \(1000,\)"):
        study(CLICKS, near(1.0), near(2.0), ())
