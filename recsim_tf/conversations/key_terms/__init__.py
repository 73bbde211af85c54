"""Key terms: users who like arms by hidden linear tastes, and answer whether they like key-terms of
these arms. Made for conversational bandits.
"""

from recsim_tf.conversations.key_terms.documents import (
    Candidate,
    KeyTermDocuments,
    draw_catalogue,
)
from recsim_tf.conversations.key_terms.offers import OfferedIds
from recsim_tf.conversations.key_terms.users import (
    InitialDraw,
    KeyTermUsers,
    Response,
    UserState,
    key_terms,
)

__all__ = [
    "Candidate",
    "InitialDraw",
    "KeyTermDocuments",
    "KeyTermUsers",
    "OfferedIds",
    "Response",
    "UserState",
    "draw_catalogue",
    "key_terms",
]
