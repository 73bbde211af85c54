"""Long-term satisfaction: clickbait engages more at once and satisfies less in the long run."""

from recsim_tf.environments.long_term_satisfaction.documents import ClickbaitDocuments, Document
from recsim_tf.environments.long_term_satisfaction.environment import long_term_satisfaction
from recsim_tf.environments.long_term_satisfaction.users import (
    Draws,
    LongTermSatisfactionUsers,
    Response,
    ResponseDraw,
    UserState,
    engagement_reward,
)

__all__ = [
    "ClickbaitDocuments",
    "Document",
    "Draws",
    "LongTermSatisfactionUsers",
    "Response",
    "ResponseDraw",
    "UserState",
    "engagement_reward",
    "long_term_satisfaction",
]
