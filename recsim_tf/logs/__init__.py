# SPDX-License-Identifier: Apache-2.0
"""Logged sessions: `Log`, and its readers and writers.

There are readers of rollouts, tables, episode files, the Open Bandit Dataset, result pages,
MovieLens and KuaiRand. `recsim_tf.conversations.logs` reads logs of conversations. Tables need
pandas, Parquet and Arrow need pyarrow: extra `fitting`.
"""

from recsim_tf.logs.datasets.kuairand import read_kuairand
from recsim_tf.logs.datasets.movielens import read_movielens, read_movies
from recsim_tf.logs.datasets.open_bandit import open_bandit_log, page_log, read_open_bandit
from recsim_tf.logs.datasets.result_pages import read_result_pages
from recsim_tf.logs.examination.examine import examine
from recsim_tf.logs.examination.findings import Finding, Findings
from recsim_tf.logs.exports import to_minari, to_rlds
from recsim_tf.logs.fingerprints import fingerprint
from recsim_tf.logs.log import Labels, Log, SlateLogProbs
from recsim_tf.logs.log_stream import LogStream
from recsim_tf.logs.logged_documents import Logged, with_logged_candidates
from recsim_tf.logs.obp import from_obp, to_obp
from recsim_tf.logs.observed_logs import with_observations
from recsim_tf.logs.plans import logged_users
from recsim_tf.logs.tables.table import from_table
from recsim_tf.logs.tables.visits import TableVisits
from recsim_tf.logs.tables.writing import candidates_table, to_table
from recsim_tf.logs.trajectories import (
    from_episodes,
    from_trajectory,
    simulated_log,
    stream_episodes,
)

__all__ = [
    "Finding",
    "Findings",
    "Labels",
    "Log",
    "LogStream",
    "Logged",
    "SlateLogProbs",
    "TableVisits",
    "candidates_table",
    "examine",
    "fingerprint",
    "from_episodes",
    "from_obp",
    "from_table",
    "from_trajectory",
    "logged_users",
    "open_bandit_log",
    "page_log",
    "read_kuairand",
    "read_movielens",
    "read_movies",
    "read_open_bandit",
    "read_result_pages",
    "simulated_log",
    "stream_episodes",
    "to_minari",
    "to_obp",
    "to_rlds",
    "to_table",
    "with_logged_candidates",
    "with_observations",
]
