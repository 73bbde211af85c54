"""All checks of a fit, and how near its estimates come to a known truth."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from recsim_tf.core.nests import fields_of
from recsim_tf.fitting.checks.choices import (
    Calibration,
    ChoiceScores,
    calibrate,
    choices_among,
    score_choices,
)
from recsim_tf.fitting.checks.predictive import PredictiveCheck, predictive_check
from recsim_tf.fitting.checks.responses import predict_responses
from recsim_tf.fitting.estimate.estimates import ParameterEstimate
from recsim_tf.fitting.estimate.fit import FitResult
from recsim_tf.fitting.logs.session_log import SessionLog

_OF_STATISTICS = ("observed", "predicted", "interval", "z_score", "p_value")


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


class FitChecks(NamedTuple):
    """What the checks of a fit found."""

    choices: ChoiceScores | None  # None where choices cannot be predicted
    calibration: Calibration | None  # None where choices cannot be predicted
    unpredictable: str  # why choices cannot be predicted; empty where they are
    # by field, of what else is drawn in a response
    responses: dict[str, Calibration]
    # whether these are of held-out sessions, or of those that were fitted
    choices_are_held_out: bool
    predictive: PredictiveCheck  # of the sessions that were fitted
    recovery: list[Recovered]  # empty where the truth is not known

    @property
    def calibrations(self) -> dict[str, Calibration]:
        """Of clicks, if they can be predicted, and of the other fields of responses."""
        clicks = {} if self.calibration is None else {"click probability": self.calibration}
        return clicks | self.responses

    def figures(self) -> dict[str, Any]:
        """The figures of all checks as JSON takes them, None for those that are not finite: for a
        model card, without rows of the log.
        """
        held_out = {"held_out": self.choices_are_held_out}
        return as_json(
            {
                "choices": self.choices and held_out | self.choices._asdict(),
                "calibration": self.calibration and held_out | self.calibration._asdict(),
                "responses": {
                    name: held_out | found._asdict() for name, found in self.responses.items()
                },
                "predictive": {
                    "num_sessions": self.predictive.num_sessions,
                    "num_replicates": self.predictive.num_replicates,
                    "notes": self.predictive.notes,
                    "statistics": {
                        name: {field: getattr(statistic, field) for field in _OF_STATISTICS}
                        for name, statistic in self.predictive.statistics.items()
                    },
                },
                "recovery": summarise(self.recovery),
            }
        )


def check_fit(
    result: FitResult,
    log: SessionLog,
    held_out_log: SessionLog | None = None,
    truth: Mapping[str, Any] | None = None,
    num_bins: int = 10,
    num_replicates: int = 100,
    batch_size: int = 1000,
    seed: int = 0,
    jit_compile: bool = False,
    given: SessionLog | None = None,
) -> FitChecks:
    """Checks a fit on the sessions that were fitted, and its predictions on those held out.

    Args:
      result: of `fit`.
      log: the sessions that were fitted.
      held_out_log: other sessions; without them predictions are checked on those that were fitted.
        `log.split(held_out, seed)` gives both as `fit` splits them.
      truth: as of `recover`, where it is known.
      num_bins: of `calibrate`.
      num_replicates, seed, jit_compile: as of `predictive_check`.
      batch_size: sessions that are predicted or simulated at once.
      given: earlier steps of the sessions that are held out, see `predict_responses`.

    Raises:
      ValueError: for an argument out of range, or a log that lacks what the models need to be
        simulated.
    """
    predicted = log if held_out_log is None else held_out_log
    scores, unpredictable = None, ""
    predictions = predict_responses(result.simulator, predicted, batch_size, given=given)
    calibrations = calibrate(predictions, predicted, num_bins)
    try:
        scores = score_choices(choices_among(predictions, predicted.slate_size), predicted)
    except ValueError as reason:
        unpredictable = str(reason)
    return FitChecks(
        choices=scores,
        calibration=calibrations.pop(next(iter(predictions.clicks), ""), None),
        unpredictable=unpredictable,
        responses=calibrations,
        choices_are_held_out=held_out_log is not None,
        predictive=predictive_check(
            result.simulator, log, num_replicates, batch_size, seed, jit_compile
        ),
        recovery=[] if truth is None else recover(truth, result.estimates),
    )


def as_json(value: Any) -> Any:
    """Mappings, named tuples, sequences, arrays and numbers as JSON takes them, None for numbers
    that are not finite.
    """
    value = fields_of(value) or value
    if isinstance(value, Mapping):
        return {name: as_json(item) for name, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return as_json(value.tolist())
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value


def recover(
    truth: Mapping[str, Any],
    estimates: Mapping[str, ParameterEstimate] | Sequence[Mapping[str, ParameterEstimate]],
) -> list[Recovered]:
    """Puts estimates beside the truth, by parameter, element and replication.

    Args:
      truth: true values by the name of the parameter, numbers or arrays. Other parameters are left
        out.
      estimates: of one fit, or of several fits to logs of the same truth.

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
                true, found, error, low, high = (
                    float(np.asarray(array)[index]) for array in (value, *estimate)
                )
                relative = found / true - 1 if true else float("nan")
                z_score = (found - true) / error if error > 0 else float("nan")
                covered = None if np.isnan([low, high]).any() else low <= true <= high
                rows.append(
                    Recovered(
                        name, index, replication, true, found, error, relative, z_score, covered
                    )
                )
    return rows


def summarise(rows: Sequence[Recovered]) -> list[dict[str, Any]]:
    """The estimates of each parameter, over its elements and all replications. The mean z-score of
    an unbiased estimate is 0, and its root mean square is 1 where standard errors are right.
    """
    found = []
    for name in dict.fromkeys(row.parameter for row in rows):
        mine = [row for row in rows if row.parameter == name]
        errors = np.array([row.estimate - row.truth for row in mine])
        z_scores = np.array([row.z_score for row in mine])
        row = {
            "parameter": name,
            "num_estimates": len(mine),
            "max_relative_error": float(np.max(np.abs([row.relative_error for row in mine]))),
            "mean_error": float(errors.mean()),
            "rms_error": float(np.sqrt(np.mean(errors**2))),
            "mean_standard_error": float(np.mean([row.standard_error for row in mine])),
            "mean_z_score": float(z_scores.mean()),
            "rms_z_score": float(np.sqrt(np.mean(z_scores**2))),
            "covered": sum(bool(row.covered) for row in mine),
            "intervals": sum(row.covered is not None for row in mine),
        }
        found.append(row)
    return found
