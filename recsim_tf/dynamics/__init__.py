# SPDX-License-Identifier: Apache-2.0
"""Components: parts of the state of users, which are drawn, change and are scored."""

from recsim_tf.dynamics.component import Component, ComponentUsers, Keep, Restart, Where
from recsim_tf.dynamics.components import FromTable, History, LinearGaussian, MarkovChain, Static
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
    "Restart",
    "Static",
    "Where",
    "paths",
    "paths_log_prob",
]
