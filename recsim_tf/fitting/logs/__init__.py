"""Logged sessions, and their readers: rollouts, tables, episode logs, the Open Bandit Dataset,
MovieLens. `recsim_tf.conversations.logs` reads those of conversations.

Tables need pandas, Parquet and Arrow need pyarrow: extra `fitting`.
"""

from recsim_tf.fitting.logs.datasets.movielens import (
    MovieFeatures,
    MovieLensLog,
    read_movielens,
    read_movies,
)
from recsim_tf.fitting.logs.datasets.open_bandit import OpenBanditLog, page_log, read_open_bandit
from recsim_tf.fitting.logs.session_log import SessionLog, Sessions, SessionStream
from recsim_tf.fitting.logs.tables.table import TableLog, from_table
from recsim_tf.fitting.logs.tables.visits import TableVisits
from recsim_tf.fitting.logs.trajectories import (
    as_trajectory,
    from_episodes,
    from_trajectory,
    scoring_simulator,
    simulated_log,
    stream_episodes,
)

__all__ = [
    "MovieFeatures",
    "MovieLensLog",
    "OpenBanditLog",
    "SessionLog",
    "SessionStream",
    "Sessions",
    "TableLog",
    "TableVisits",
    "as_trajectory",
    "from_episodes",
    "from_table",
    "from_trajectory",
    "page_log",
    "read_movielens",
    "read_movies",
    "read_open_bandit",
    "scoring_simulator",
    "simulated_log",
    "stream_episodes",
]
