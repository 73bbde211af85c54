"""Engagement bait: videos that are watched long drive away the interests of those who watch."""

from recsim_tf.environments.engagement_bait.documents import BaitVideos, Catalogue, Video, catalogue
from recsim_tf.environments.engagement_bait.environment import engagement_bait
from recsim_tf.environments.engagement_bait.users import (
    BaitedUsers,
    Response,
    consumed_time_reward,
)

__all__ = [
    "BaitVideos",
    "BaitedUsers",
    "Catalogue",
    "Response",
    "Video",
    "catalogue",
    "consumed_time_reward",
    "engagement_bait",
]
