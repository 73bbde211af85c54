"""Components, which are parts of a state that are drawn, change and are scored: tables, linear
dynamics, Markov chains, recurrent cells and histories. Users can be composed of them.
"""

from recsim_tf.dynamics.component import Component, Keep, Restart, Where
from recsim_tf.dynamics.component_users import ComponentUsers
from recsim_tf.dynamics.components import (
    FromTable,
    History,
    LinearGaussian,
    MarkovChain,
    Recurrent,
    Static,
    clustered_logits,
)
from recsim_tf.dynamics.paths import Paths, paths, paths_log_prob

__all__ = [
    "Component",
    "ComponentUsers",
    "FromTable",
    "History",
    "Keep",
    "LinearGaussian",
    "MarkovChain",
    "Paths",
    "Recurrent",
    "Restart",
    "Static",
    "Where",
    "clustered_logits",
    "paths",
    "paths_log_prob",
]
