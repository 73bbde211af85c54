# SPDX-License-Identifier: Apache-2.0
"""Training of an agent in Python: `Training`, and the settings of its iterations."""

from recsim_tf import _tf_agents

# isort: split
from recsim_tf.training.loop import Iteration
from recsim_tf.training.training import Training

del _tf_agents

__all__ = ["Iteration", "Training"]
