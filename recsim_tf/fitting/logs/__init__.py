"""Logged sessions, and their readers: rollouts, tables, episode logs, the Open Bandit Dataset,
MovieLens, IARD and SoftAttributes.

Tables need pandas, Parquet and Arrow need pyarrow: extra `fitting`.
"""

from recsim_tf.fitting.logs.datasets.iard import INTENTS, AnnotatedDialogues, read_iard
from recsim_tf.fitting.logs.datasets.iard_sessions import dialogue_log, iard_log
from recsim_tf.fitting.logs.datasets.movie_catalogue import (
    movielens_items,
    movielens_users,
    read_movie_catalogue,
)
from recsim_tf.fitting.logs.datasets.movielens import read_movielens, read_movies
from recsim_tf.fitting.logs.datasets.open_bandit import page_log, read_open_bandit
from recsim_tf.fitting.logs.datasets.soft_attributes import (
    read_soft_attributes,
    soft_attributes_log,
)
from recsim_tf.fitting.logs.session_log import SessionLog, SessionStream
from recsim_tf.fitting.logs.tables.table import from_table
from recsim_tf.fitting.logs.tables.turns import from_turns
from recsim_tf.fitting.logs.tables.visits import TableVisits
from recsim_tf.fitting.logs.trajectories import from_episodes, stream_episodes

__all__ = [
    "INTENTS",
    "AnnotatedDialogues",
    "SessionLog",
    "SessionStream",
    "TableVisits",
    "dialogue_log",
    "from_episodes",
    "from_table",
    "from_turns",
    "iard_log",
    "movielens_items",
    "movielens_users",
    "page_log",
    "read_iard",
    "read_movie_catalogue",
    "read_movielens",
    "read_movies",
    "read_open_bandit",
    "read_soft_attributes",
    "soft_attributes_log",
    "stream_episodes",
]
