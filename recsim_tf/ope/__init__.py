# SPDX-License-Identifier: Apache-2.0
"""Off-policy evaluation: estimates of a new policy's mean return from the sessions of an old
policy.

`evaluate` reads a `recsim_tf.logs.Log` and gives estimates, each with an interval and a verdict.
`PRESETS` has the estimators by the names of papers.
"""

from recsim_tf.ope.diagnostics import WeightDiagnostics
from recsim_tf.ope.estimators import PRESETS, Estimator
from recsim_tf.ope.evaluation import compare, evaluate
from recsim_tf.ope.logged_policy import LoggedPolicy, fit_logging
from recsim_tf.ope.plotting import plot
from recsim_tf.ope.report import write_report
from recsim_tf.ope.results import Estimate, Result, Results
from recsim_tf.ope.sample import value
from recsim_tf.ope.simulated import truth
from recsim_tf.ope.values import Regression, SimulatedQ
from recsim_tf.ope.weights import Weights
from recsim_tf.support.tails import pareto_k
from recsim_tf.support.verdicts import Verdict

__all__ = [
    "PRESETS",
    "Estimate",
    "Estimator",
    "LoggedPolicy",
    "Regression",
    "Result",
    "Results",
    "SimulatedQ",
    "Verdict",
    "WeightDiagnostics",
    "Weights",
    "compare",
    "evaluate",
    "fit_logging",
    "pareto_k",
    "plot",
    "truth",
    "value",
    "write_report",
]
