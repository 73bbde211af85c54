"""Interest exploration: users have hidden, static affinities to topics, and the topic of higher
quality draws most clicks at first.
"""

from recsim_tf.environments.interest_exploration.documents import Document, TopicDocuments
from recsim_tf.environments.interest_exploration.environment import interest_exploration
from recsim_tf.environments.interest_exploration.users import (
    InitialDraw,
    InterestExplorationUsers,
    Response,
    UserState,
)

__all__ = [
    "Document",
    "InitialDraw",
    "InterestExplorationUsers",
    "Response",
    "TopicDocuments",
    "UserState",
    "interest_exploration",
]
