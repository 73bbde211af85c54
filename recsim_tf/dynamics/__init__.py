"""Parts of a state that are drawn, change and are scored: tables, linear dynamics, Markov chains,
recurrent cells, histories; and users who are put together from them.
"""

from recsim_tf.dynamics.branches import Keep, Restart, Where
from recsim_tf.dynamics.component import Component
from recsim_tf.dynamics.gaussian_mixture import GaussianMixture
from recsim_tf.dynamics.history import History
from recsim_tf.dynamics.linear_gaussian import LinearGaussian
from recsim_tf.dynamics.markov_chain import MarkovChain
from recsim_tf.dynamics.paths import Paths, paths, paths_log_prob
from recsim_tf.dynamics.recurrent import Recurrent
from recsim_tf.dynamics.returning import (
    ReturningObservation,
    ReturningState,
    ReturningUsers,
)
from recsim_tf.dynamics.static import Static
from recsim_tf.dynamics.table import FromTable, clustered_logits
from recsim_tf.dynamics.users import ComponentUsers

__all__ = [
    "Component",
    "ComponentUsers",
    "FromTable",
    "GaussianMixture",
    "History",
    "Keep",
    "LinearGaussian",
    "MarkovChain",
    "Paths",
    "Recurrent",
    "Restart",
    "ReturningObservation",
    "ReturningState",
    "ReturningUsers",
    "Static",
    "Where",
    "clustered_logits",
    "paths",
    "paths_log_prob",
]
