"""Users who come back: visits within a lifetime, on a clock of their own."""

from recsim_tf.environments.returning.measures import Lifetimes, days_away, visits
from recsim_tf.environments.returning.users import ReturningState, ReturningUsers

__all__ = ["Lifetimes", "ReturningState", "ReturningUsers", "days_away", "visits"]
