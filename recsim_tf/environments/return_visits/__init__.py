"""Return visits: clickbait engages more in a visit, and costs later visits."""

from recsim_tf.environments.return_visits.environment import return_visits
from recsim_tf.environments.return_visits.users import ReturnVisitsUsers, viewers

__all__ = ["ReturnVisitsUsers", "return_visits", "viewers"]
