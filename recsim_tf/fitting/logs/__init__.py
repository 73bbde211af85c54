"""Logged sessions, and their readers: rollouts, tables, episode logs, the Open Bandit Dataset,
MovieLens, IARD and SoftAttributes.

Tables need pandas, Parquet and Arrow need pyarrow: extra `fitting`.
"""

from recsim_tf.fitting.logs.datasets.iard import INTENTS, AnnotatedDialogues, read_iard
from recsim_tf.fitting.logs.datasets.iard_sessions import dialogue_log, iard_log
from recsim_tf.fitting.logs.datasets.movie_catalogue import (
    MovieCatalogue,
    movielens_items,
    movielens_users,
    read_movie_catalogue,
)
from recsim_tf.fitting.logs.datasets.movielens import (
    MovieFeatures,
    MovieLensLog,
    read_movielens,
    read_movies,
)
from recsim_tf.fitting.logs.datasets.open_bandit import OpenBanditLog, page_log, read_open_bandit
from recsim_tf.fitting.logs.datasets.soft_attributes import (
    SoftAttributes,
    read_soft_attributes,
    soft_attributes_log,
)
from recsim_tf.fitting.logs.session_log import SessionLog, Sessions, SessionStream
from recsim_tf.fitting.logs.tables.table import TableLog, from_table
from recsim_tf.fitting.logs.tables.turns import TurnLog, from_turns
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
    "INTENTS",
    "AnnotatedDialogues",
    "MovieCatalogue",
    "MovieFeatures",
    "MovieLensLog",
    "OpenBanditLog",
    "SessionLog",
    "SessionStream",
    "Sessions",
    "SoftAttributes",
    "TableLog",
    "TableVisits",
    "TurnLog",
    "as_trajectory",
    "dialogue_log",
    "from_episodes",
    "from_table",
    "from_trajectory",
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
    "scoring_simulator",
    "simulated_log",
    "soft_attributes_log",
    "stream_episodes",
]
