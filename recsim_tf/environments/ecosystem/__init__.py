"""The ecosystem: providers live by the clicks of users who share them."""

from recsim_tf.environments.ecosystem.documents import (
    Attention,
    Document,
    Draw,
    Providers,
    provider_layout,
)
from recsim_tf.environments.ecosystem.environment import ecosystem
from recsim_tf.environments.ecosystem.users import (
    ClusteredUsers,
    Response,
    ResponseDraw,
    utility_reward,
)

__all__ = [
    "Attention",
    "ClusteredUsers",
    "Document",
    "Draw",
    "Providers",
    "Response",
    "ResponseDraw",
    "ecosystem",
    "provider_layout",
    "utility_reward",
]
