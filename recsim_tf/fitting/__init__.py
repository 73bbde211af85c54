"""Fitting user models to usage logs."""

from recsim_tf.fitting.fit import Estimate, FitResult, fit
from recsim_tf.fitting.likelihood import session_log_prob
from recsim_tf.fitting.parameters import Parameter, with_values
from recsim_tf.fitting.particle_filter import marginal_log_prob
from recsim_tf.fitting.session_log import SessionLog, from_trajectory

__all__ = [
    "Estimate",
    "FitResult",
    "Parameter",
    "SessionLog",
    "fit",
    "from_trajectory",
    "marginal_log_prob",
    "session_log_prob",
    "with_values",
]
