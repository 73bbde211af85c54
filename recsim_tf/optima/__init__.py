# SPDX-License-Identifier: Apache-2.0
"""What the best policy can earn: optima and upper bounds of the returns in an environment."""

from recsim_tf.optima.bound import Bound, bounds

__all__ = ["Bound", "bounds"]
