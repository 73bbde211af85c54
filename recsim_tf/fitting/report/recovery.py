# SPDX-License-Identifier: Apache-2.0
"""The distance of estimates from a known truth."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from recsim_tf.fitting.estimates import ParameterEstimate


class Recovered(NamedTuple):
    """An estimate beside the truth."""

    parameter: str
    element: tuple[int, ...]  # its index, () for a number
    replication: int
    truth: float
    estimate: float
    standard_error: float
    relative_error: float  # estimate / truth - 1; NaN where the truth is zero
    z_score: float  # (estimate - truth) / standard_error; NaN without a standard error
    covered: bool | None  # whether the interval holds the truth; None without an interval


def recover(
    truth: Mapping[str, Any],
    estimates: Mapping[str, ParameterEstimate] | Sequence[Mapping[str, ParameterEstimate]],
) -> list[Recovered]:
    """Puts estimates beside the truth, by parameter, element and replication.

    Args:
      truth: true values by the parameter's name, numbers or arrays. Others are left out.
      estimates: the estimates of one fit, or of several fits to logs of the same truth.

    Raises:
      ValueError: for a true value of a parameter that was not fitted, or of another shape.
    """
    replications = [estimates] if isinstance(estimates, Mapping) else list(estimates)
    rows = []
    for replication, fitted in enumerate(replications):
        for name, value in truth.items():
            if name not in fitted:
                raise ValueError(
                    f"truth must name parameters that were fitted, {', '.join(fitted)}, got"
                    f" {name!r}"
                )
            estimate, value = fitted[name], np.asarray(value, np.float64)
            if value.shape != np.shape(estimate.value):
                raise ValueError(
                    f"the truth of {name} must have the shape {list(np.shape(estimate.value))}, got"
                    f" {list(value.shape)}"
                )
            for index in np.ndindex(value.shape):
                true, estimated, error, low, high = (
                    float(np.asarray(array)[index]) for array in (value, *estimate)
                )
                relative = estimated / true - 1 if true else float("nan")
                z_score = (estimated - true) / error if error > 0 else float("nan")
                covered = None if np.isnan([low, high]).any() else low <= true <= high
                rows.append(
                    Recovered(
                        name, index, replication, true, estimated, error, relative, z_score, covered
                    )
                )
    return rows


def summarise(rows: Sequence[Recovered]) -> list[dict[str, Any]]:
    """The estimates of each parameter, over its elements and all replications. The mean z-score of
    an unbiased estimate is 0, and its root mean square is 1 where standard errors are right.
    Relative errors of a truth of zero, and missing standard errors, are left out of their means.
    """
    summaries = []
    for name in dict.fromkeys(row.parameter for row in rows):
        mine = [row for row in rows if row.parameter == name]
        errors = np.array([row.estimate - row.truth for row in mine])
        z_scores = _finite([row.z_score for row in mine])
        relative_errors = _finite([row.relative_error for row in mine])
        standard_errors = _finite([row.standard_error for row in mine])
        row = {
            "parameter": name,
            "num_estimates": len(mine),
            "max_relative_error": float(np.max(np.abs(relative_errors))),
            "mean_error": float(errors.mean()),
            "rms_error": float(np.sqrt(np.mean(errors**2))),
            "mean_standard_error": float(np.mean(standard_errors)),
            "mean_z_score": float(z_scores.mean()),
            "rms_z_score": float(np.sqrt(np.mean(z_scores**2))),
            "covered": sum(bool(row.covered) for row in mine),
            "intervals": sum(row.covered is not None for row in mine),
        }
        summaries.append(row)
    return summaries


def _finite(numbers: Sequence[float]) -> np.ndarray:
    """The finite numbers, or NaN if there are none."""
    values = np.array(numbers)
    finite = values[np.isfinite(values)]
    return finite if len(finite) else np.array([np.nan])
