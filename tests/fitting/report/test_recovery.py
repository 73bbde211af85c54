# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from recsim_tf.fitting.estimates import ParameterEstimate
from recsim_tf.fitting.report.recovery import recover, summarise


def estimate(value, error):
    value, error = np.asarray(value, float), np.asarray(error, float)
    return ParameterEstimate(value, error, value - 2 * error, value + 2 * error)


def test_estimates_stand_beside_the_truth_worked_out_by_hand():
    (row,) = recover(
        {"users.gain": 2.0}, {"users.gain": estimate(2.5, 0.2), "users.other": estimate(0.0, 1.0)}
    )
    assert row[:5] == ("users.gain", (), 0, 2.0, 2.5)
    np.testing.assert_allclose([row.relative_error, row.z_score], [0.25, 2.5])
    assert row.covered is False


def test_replications_and_elements_are_summed_up():
    truth = {"users.table": [1.0, -1.0]}
    replications = ([1.1, -1.2], [0.9, -1.3])
    rows = recover(truth, [{"users.table": estimate(each, [0.1, 0.1])} for each in replications])
    assert [row[1:3] for row in rows] == [((0,), 0), ((1,), 0), ((0,), 1), ((1,), 1)]
    (found,) = summarise(rows)
    assert (found["num_estimates"], found["covered"], found["intervals"]) == (4, 3, 4)
    np.testing.assert_allclose(found["mean_error"], -0.125)
    np.testing.assert_allclose(found["rms_error"], np.sqrt((0.01 + 0.04 + 0.01 + 0.09) / 4))
    np.testing.assert_allclose(found["max_relative_error"], 0.3)
    np.testing.assert_allclose(found["rms_z_score"], 10 * found["rms_error"])


def test_without_standard_errors_and_with_a_truth_of_zero_there_is_nothing_to_divide_by():
    (row,) = recover({"users.bias": 0.0}, {"users.bias": estimate(0.5, np.nan)})
    assert row.covered is None
    assert np.isnan([row.relative_error, row.z_score]).all()
    assert summarise([row])[0]["intervals"] == 0


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (
            {"users.loss": 1.0},
            r"truth must name parameters that were fitted, .*, got 'users\.loss'",
        ),
        ({"users.gain": [1.0, 2.0]}, r"users\.gain must have the shape \[\], got \[2\]"),
    ],
)
def test_a_truth_of_what_was_not_fitted_or_of_another_shape_is_refused(truth, message):
    with pytest.raises(ValueError, match=message):
        recover(truth, {"users.gain": estimate(1.0, 0.1)})


def test_an_element_without_an_error_hides_no_other():
    rows = recover(
        {"users.table": [0.0, 2.0]}, {"users.table": estimate([0.5, 2.5], [np.nan, 0.25])}
    )
    (summary,) = summarise(rows)
    names = ("max_relative_error", "mean_standard_error", "mean_z_score", "rms_z_score")
    assert [summary[name] for name in names] == pytest.approx([0.25, 0.25, 2.0, 2.0])
