"""Fitting user models to usage logs, checking the fits, and sharing the models."""

from recsim_tf.fitting.checks import check_fit
from recsim_tf.fitting.checks.predictions import ChoicePredictions, predict_choices
from recsim_tf.fitting.estimate.estimates import ParameterEstimate
from recsim_tf.fitting.estimate.fit import FitResult, fit
from recsim_tf.fitting.estimate.information import (
    Curvature,
    LouisInformation,
    Scores,
    ScoresOrCurvature,
)
from recsim_tf.fitting.estimate.lbfgs import LBFGS
from recsim_tf.fitting.estimate.minibatches import Minibatches
from recsim_tf.fitting.estimate.monte_carlo_em import MonteCarloEM
from recsim_tf.fitting.likelihood.likelihood import session_log_prob
from recsim_tf.fitting.likelihood.particle_filter import marginal_log_prob
from recsim_tf.fitting.logs import (
    SessionLog,
    Sessions,
    SessionStream,
    from_trajectory,
    simulated_log,
)
from recsim_tf.fitting.parameters.parameter import Parameter
from recsim_tf.fitting.parameters.priors import hierarchical_normal
from recsim_tf.fitting.report import write_report
from recsim_tf.fitting.sampling.parameters import ParameterPosterior, sample_parameters
from recsim_tf.fitting.sampling.sessions import SessionPosterior, sample_sessions
from recsim_tf.fitting.saving.models import LoadedModel, load_model, load_simulator, save_model

__all__ = [
    "LBFGS",
    "ChoicePredictions",
    "Curvature",
    "FitResult",
    "LoadedModel",
    "LouisInformation",
    "Minibatches",
    "MonteCarloEM",
    "Parameter",
    "ParameterEstimate",
    "ParameterPosterior",
    "Scores",
    "ScoresOrCurvature",
    "SessionLog",
    "SessionPosterior",
    "SessionStream",
    "Sessions",
    "check_fit",
    "fit",
    "from_trajectory",
    "hierarchical_normal",
    "load_model",
    "load_simulator",
    "marginal_log_prob",
    "predict_choices",
    "sample_parameters",
    "sample_sessions",
    "save_model",
    "session_log_prob",
    "simulated_log",
    "write_report",
]
