"""Logged sessions, and their readers: rollouts, tables, episode logs, the Open Bandit Dataset,
result pages, MovieLens. `recsim_tf.conversations.logs` reads those of conversations.

Tables need pandas, Parquet and Arrow need pyarrow: extra `fitting`.
"""

from recsim_tf.logs.datasets.movielens import read_movielens, read_movies
from recsim_tf.logs.datasets.open_bandit import page_log, read_open_bandit
from recsim_tf.logs.datasets.result_pages import read_result_pages
from recsim_tf.logs.session_log import SessionLog, SessionStream
from recsim_tf.logs.tables.table import from_table
from recsim_tf.logs.tables.visits import TableVisits
from recsim_tf.logs.tables.writing import to_table
from recsim_tf.logs.trajectories import from_episodes, stream_episodes

__all__ = [
    "SessionLog",
    "SessionStream",
    "TableVisits",
    "from_episodes",
    "from_table",
    "page_log",
    "read_movielens",
    "read_movies",
    "read_open_bandit",
    "read_result_pages",
    "stream_episodes",
    "to_table",
]
