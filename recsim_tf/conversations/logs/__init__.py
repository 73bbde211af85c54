# SPDX-License-Identifier: Apache-2.0
"""Logs of conversations: readers of tables of turns and of movies of MovieLens, and training of a
channel's weights on the words of a log.
"""

from recsim_tf.conversations.logs.channel_weights import trained_weights
from recsim_tf.conversations.logs.movies import (
    movielens_items,
    movielens_users,
    read_movie_catalogue,
)
from recsim_tf.conversations.logs.turn_tables import from_turns

__all__ = [
    "from_turns",
    "movielens_items",
    "movielens_users",
    "read_movie_catalogue",
    "trained_weights",
]
