"""All checks of a fit."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from recsim_tf.fitting.checks.calibration import Calibration, calibrate
from recsim_tf.fitting.checks.choices import ChoiceScores, score_choices
from recsim_tf.fitting.checks.predictions import predict_choices
from recsim_tf.fitting.checks.predictive import PredictiveCheck, predictive_check
from recsim_tf.fitting.checks.recovery import Recovered, recover, summarise
from recsim_tf.fitting.estimate.fit import FitResult
from recsim_tf.fitting.logs.session_log import SessionLog

_OF_STATISTICS = ("observed", "predicted", "interval", "z_score", "p_value")


class FitChecks(NamedTuple):
    """What the checks of a fit found."""

    choices: ChoiceScores | None  # None where choices cannot be predicted
    calibration: Calibration | None  # None where choices cannot be predicted
    unpredictable: str  # why choices cannot be predicted; empty where they are
    # whether both are of held-out sessions, or of those that were fitted
    choices_are_held_out: bool
    predictive: PredictiveCheck  # of the sessions that were fitted
    recovery: list[Recovered]  # empty where the truth is not known

    def figures(self) -> dict[str, Any]:
        """The figures of all checks as JSON takes them, None for those that are not finite: for a
        model card, without rows of the log.
        """
        held_out = {"held_out": self.choices_are_held_out}
        return as_json(
            {
                "choices": self.choices and held_out | self.choices._asdict(),
                "calibration": self.calibration and held_out | self.calibration._asdict(),
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
) -> FitChecks:
    """Checks a fit on the sessions that were fitted, and its predictions on those that were held
    out.

    Args:
      result: of `fit`.
      log: the sessions that were fitted.
      held_out_log: other sessions; without them predictions are checked on those that were fitted.
        `log.split(held_out, seed)` gives both as `fit` splits them.
      truth: true values by the name of the parameter, where they are known.
      num_bins: of the calibration.
      num_replicates: simulations of the log for the posterior-predictive checks.
      batch_size: sessions that are predicted or simulated at once.
      seed: of the simulations.
      jit_compile: whether simulations are compiled with XLA.

    Raises:
      ValueError: for an argument out of range, or a log that lacks what the models need to be
        simulated.
    """
    predicted = log if held_out_log is None else held_out_log
    scores, calibration, unpredictable = None, None, ""
    try:
        predictions = predict_choices(result.simulator, predicted, batch_size)
    except ValueError as reason:
        unpredictable = str(reason)
    else:
        scores = score_choices(predictions, predicted)
        calibration = calibrate(predictions, predicted, num_bins)
    return FitChecks(
        choices=scores,
        calibration=calibration,
        unpredictable=unpredictable,
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
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {name: as_json(item) for name, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return as_json(value.tolist())
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value
