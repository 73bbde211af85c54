"""Readers of logs find what their documentation says, or refuse a fault in one line: nothing else,
and nothing without a word. `references` says what they must find.
"""

from recsim_tf import logs
from recsim_tf.conversations import logs as conversation_logs
from recsim_tf.logs import episodes
from tests.properties.readers import (
    test_conversations,
    test_datasets,
    test_episodes,
    test_feedback,
    test_logs,
    test_round_trips,
    test_tables,
)
from tests.properties.readers.reading import SUBJECTS

# Names in `__all__` that read nothing: records, options, and what is made of a log or a catalogue.
NO_READERS = {"Labels", "LogStream", "SlateLogProbs", "TableVisits", "trained_weights"}
NO_READERS |= {"Logged", "logged_users", "with_logged_candidates"}
NO_READERS |= {"movielens_items", "movielens_users", "simulated_log"}
NO_READERS |= {"open_bandit_log", "to_minari", "to_obp", "to_rlds"}
# Their import names the subjects of their properties.
PROPERTIES = (
    *(test_conversations, test_datasets, test_episodes, test_feedback, test_logs),
    *(test_round_trips, test_tables),
)


def test_every_reader_has_a_property():
    named = {*conversation_logs.__all__, *logs.__all__, episodes.read.__name__}
    assert named - NO_READERS == SUBJECTS
