# SPDX-License-Identifier: Apache-2.0
"""Fitting user models to usage logs, checking the fits, and sharing the models."""

from recsim_tf.fitting.fit import fit
from recsim_tf.fitting.methods.chains import Chains, LouisInformation
from recsim_tf.fitting.methods.classes import Classes
from recsim_tf.fitting.methods.draws import Draws
from recsim_tf.fitting.methods.exact import Exact, session_log_prob
from recsim_tf.fitting.methods.information import Curvature, Scores
from recsim_tf.fitting.methods.mean_field import MeanField
from recsim_tf.fitting.methods.monte_carlo_em import MonteCarloEM
from recsim_tf.fitting.methods.particles import Particles
from recsim_tf.fitting.parameters.parameter import Parameter, hierarchical_normal
from recsim_tf.fitting.report import write_report
from recsim_tf.fitting.report.figures import plot
from recsim_tf.fitting.sampling import NUTS, sample_parameters, sample_sessions
from recsim_tf.fitting.saving.fitted_model import FittedModel
from recsim_tf.fitting.saving.models import load_model, save_model
from recsim_tf.fitting.searches.folder import Checkpoints
from recsim_tf.fitting.searches.lbfgs import LBFGS
from recsim_tf.fitting.searches.minibatches import Minibatches
from recsim_tf.fitting.support import slate_support
from recsim_tf.fitting.validation import QUESTIONS, validate

__all__ = [
    "LBFGS",
    "NUTS",
    "QUESTIONS",
    "Chains",
    "Checkpoints",
    "Classes",
    "Curvature",
    "Draws",
    "Exact",
    "FittedModel",
    "LouisInformation",
    "MeanField",
    "Minibatches",
    "MonteCarloEM",
    "Parameter",
    "Particles",
    "Scores",
    "fit",
    "hierarchical_normal",
    "load_model",
    "plot",
    "sample_parameters",
    "sample_sessions",
    "save_model",
    "session_log_prob",
    "slate_support",
    "validate",
    "write_report",
]
