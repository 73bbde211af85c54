"""Logs of conversations: readers of tables of turns, IARD, SoftAttributes and movies of MovieLens,
and training of a channel's weights on the words of a log.
"""

from recsim_tf.conversations.logs.channel_weights import trained_weights
from recsim_tf.conversations.logs.iard import iard_log, read_iard
from recsim_tf.conversations.logs.movies import (
    movielens_items,
    movielens_users,
    read_movie_catalogue,
)
from recsim_tf.conversations.logs.soft_attributes import read_soft_attributes, soft_attributes_log
from recsim_tf.conversations.logs.turn_tables import from_turns

__all__ = [
    "from_turns",
    "iard_log",
    "movielens_items",
    "movielens_users",
    "read_iard",
    "read_movie_catalogue",
    "read_soft_attributes",
    "soft_attributes_log",
    "trained_weights",
]
