"""Checks of fits: predictions of choices, their calibration, posterior-predictive simulation and
the recovery of known parameters.
"""

from recsim_tf.fitting.checks.calibration import Calibration, calibrate
from recsim_tf.fitting.checks.choices import ChoiceScores, Mean, score_choices
from recsim_tf.fitting.checks.fit_checks import FitChecks, check_fit
from recsim_tf.fitting.checks.predictive import (
    Histogram,
    PredictiveCheck,
    Statistic,
    predictive_check,
)
from recsim_tf.fitting.checks.recovery import Recovered, RecoverySummary, recover, summarise

__all__ = [
    "Calibration",
    "ChoiceScores",
    "FitChecks",
    "Histogram",
    "Mean",
    "PredictiveCheck",
    "Recovered",
    "RecoverySummary",
    "Statistic",
    "calibrate",
    "check_fit",
    "predictive_check",
    "recover",
    "score_choices",
    "summarise",
]
