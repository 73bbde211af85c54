# SPDX-License-Identifier: Apache-2.0
"""Users who come back for several visits within a lifetime, which has a clock in days."""

from recsim_tf.environments.returning.measures import Lifetimes, days_away, visits
from recsim_tf.environments.returning.users import ReturningState, ReturningUsers

__all__ = ["Lifetimes", "ReturningState", "ReturningUsers", "days_away", "visits"]
