"""Users who come back: visits within a lifetime, on a clock of their own."""

from recsim_tf.dynamics.returning.measures import Lifetimes, days_away, visits
from recsim_tf.dynamics.returning.records import ReturningObservation, ReturningState
from recsim_tf.dynamics.returning.users import ReturningUsers

__all__ = [
    "Lifetimes",
    "ReturningObservation",
    "ReturningState",
    "ReturningUsers",
    "days_away",
    "visits",
]
