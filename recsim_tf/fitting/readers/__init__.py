"""Logged sessions from elsewhere: tables, episode logs, the Open Bandit Dataset and MovieLens.

Tables need pandas, Parquet and Arrow need pyarrow: extra `fitting`.
"""

from recsim_tf.fitting.readers.episodes import from_episodes, stream_episodes
from recsim_tf.fitting.readers.movielens import MovieLensLog, read_movielens
from recsim_tf.fitting.readers.movies import MovieFeatures, read_movies
from recsim_tf.fitting.readers.open_bandit import OpenBanditLog, read_open_bandit
from recsim_tf.fitting.readers.pages import page_log
from recsim_tf.fitting.readers.table import TableLog, from_table

__all__ = [
    "MovieFeatures",
    "MovieLensLog",
    "OpenBanditLog",
    "TableLog",
    "from_episodes",
    "from_table",
    "page_log",
    "read_movielens",
    "read_movies",
    "read_open_bandit",
    "stream_episodes",
]
