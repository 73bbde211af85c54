"""Users who come back: visits within a lifetime, on a clock of their own."""

from recsim_tf.dynamics.returning.records import ReturningObservation, ReturningState
from recsim_tf.dynamics.returning.users import ReturningUsers

__all__ = ["ReturningObservation", "ReturningState", "ReturningUsers"]
