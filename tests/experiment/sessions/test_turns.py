# SPDX-License-Identifier: Apache-2.0
"""Sessions in words, of recordings made by hand, and as a table."""

import sys
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf

import recsim_tf
from recsim_tf import conversations
from recsim_tf.core.base.types import Transition
from recsim_tf.core.models.wording import Wording
from recsim_tf.experiment.sessions.recording import Recording, record
from recsim_tf.experiment.sessions.table import ROLES, file_of_table, session_table
from recsim_tf.experiment.sessions.turn_texts import changes, sessions_in_words, words
from recsim_tf.experiment.sessions.views import sessions_page, sessions_text
from recsim_tf.logs import from_table
from recsim_tf.policies import Explained, Explanation, random_policy
from recsim_tf.support.errors import UsageError
from recsim_tf.support.outputs import write_files
from tests.web_page import WebPage

# Matplotlib warns of its own dependencies.
pytestmark = pytest.mark.filterwarnings("ignore")


class Film(NamedTuple):
    item_id: Any
    genre: Any


class Reply(NamedTuple):
    clicked: Any
    rating: Any
    answer: Any  # of the whole turn


class Query(NamedTuple):
    attribute: Any


class FilmWording(Wording):
    def query(self, query, documents):
        known = [document for document in documents if document is not None]
        return f"asks: more of {query.attribute} than {known[0].item_id}?"

    def document(self, document):
        return f"film {document.item_id}"

    def response(self, response, documents, query):
        return f"answers {('no', 'yes')[response.answer]}"

    def user(self, user):
        return {"patience": user["patience"]}


@pytest.fixture
def recording():
    """One user who is asked in the first turn, with one film beside, and clicks in the second."""
    films = Film(np.array([[[7, 8]], [[8, 7]]]), np.eye(3)[[[[0, 2]], [[2, 0]]]])
    return Recording(
        users=np.array([5]),
        transitions=Transition(
            draws=(),
            slate=np.array([[[1, -1]], [[0, 1]]]),
            response=Reply(
                clicked=np.array([[[0.0, 0.0]], [[0.0, 1.0]]]),
                rating=np.array([[[0.0, 0.0]], [[0.0, 4.0]]]),
                answer=np.array([[1], [0]]),
            ),
            reward=np.array([[-0.25], [1.0]]),
            active=np.ones([2, 1], bool),
            terminated=np.array([[False], [True]]),
            truncated=np.zeros([2, 1], bool),
            query=Query(np.array([[3], [-1]])),
        ),
        states={
            "taste": np.zeros([3, 1, 8]),
            "patience": np.array([[1.0], [0.75], [0.75]]),
        },
        documents=films,
        candidates=films,
        explanation=Explanation(
            alternatives={"value": np.array([[[0.5, 0.75]], [[np.nan, 0.125]]])},
            labels=np.array([[["recommend", "ask"]]] * 2, object),
            user={"spread": np.array([[2.5], [1.5]])},
        ),
    )


def test_without_a_wording_fields_are_told_by_name(recording):
    (session,) = sessions_in_words(recording, Wording(), max_turns=9)
    first, second = session.turns
    assert session.start == "taste 0 0 0 0 … (8), patience 1"
    assert (first.says, first.does) == ("attribute 3", "clicks nothing, answer 1")
    assert [document.text for document in first.shown] == ["item_id 7, genre 0"]
    assert first.changes == ["patience 1 → 0.75"]
    assert (second.does, second.changes) == ("clicks 2 (rating 4), answer 0", [])
    assert [document.clicked for document in second.shown] == [False, True]
    assert [found.text for found in second.others[0].best] == ["ask", "recommend"]
    assert (session.total, session.clicks) == (0.75, 1)
    assert session.ending == "The user left after 2 turns: reward 0.75"


def test_an_environment_puts_its_turns_into_words(recording):
    text = sessions_text("Sessions", sessions_in_words(recording, FilmWording(), 9), max_turns=1)
    assert (
        text.split("=\n", 1)[1]
        == """\
starts with patience 1

Turn 1: the system asks: more of 3 than 7?
   1  film 7
  by value: ask (0.750); recommend (0.500)
  spread 2.5
  The user answers yes. Reward -0.25. patience 1 → 0.75.

... 1 more turn, with a reward of 1 ...

ends with patience 0.75
The user left after 2 turns: reward 0.75."""
    )


def test_a_page_shows_the_words_as_they_are_and_is_the_same_each_time(recording):
    class Markup(FilmWording):
        def document(self, document):
            return f"<b>film</b> & {document.item_id}"

    pages = [
        sessions_page("Sessions", "of one", sessions_in_words(recording, Markup(), 9))
        for _ in range(2)
    ]
    assert pages[0] == pages[1]
    page = WebPage(pages[0])
    assert page.marked == ["2. <b>film</b> & 7"]
    assert "The user left after 2 turns: reward 0.75, 1 click." in page.text
    assert "by value: ask (0.750); recommend (0.500) spread 2.5" in page.text


def test_the_table_has_the_fields_of_query_document_and_response(recording):
    table = session_table(recording, recsim_tf.interest_evolution())
    assert list(table) == [
        *ROLES,
        *("candidate", "reward", "query_attribute", "document_item_id", "document_genre"),
        *("response_rating", "response_answer"),
    ]
    assert table["document"].tolist() == [7, 8, 7]
    assert table["position"].tolist() == [0, 0, 1]
    assert table["document_genre"].tolist() == [0, 2, 0]
    assert table["response_answer"].tolist() == [1, 0, 0]
    assert table["query_attribute"].tolist() == [3, -1, -1]
    assert table["clicked"].tolist() == [0, 0, 1]


def test_values_are_short():
    told = {
        "0.123": 0.123456,
        "0": -0.0,
        "1,000": 999.7,
        "4": np.float32(4),
        "12345": np.int32(12345),
        "True": True,
        "yes": b"yes",
        "1": np.array([0.0, 1.0, 0.0]),
        "0 1 0": np.array([0, 1, 0]),
        "0 0.125 0.25 0.375 … (6)": np.arange(6) / 8,
        "0 0 0 0 … (2 by 3)": np.zeros([2, 3]),
    }
    assert [words(value) for value in told.values()] == list(told)


def test_a_small_change_has_the_digits_that_show_it():
    before = {"budget": np.array(200.0), "taste": np.array([0.5, 0.25, 0.0, 1.0])}
    after = {"budget": np.array(199.5), "taste": np.array([0.5, 0.5, 0.125, -1.0])}
    assert changes(before, after) == [
        "budget 200 → 199.5",
        "taste[3] 1 → -1",
        "taste[1] 0.25 → 0.5",
        "1 more of taste",
    ]


@pytest.fixture(scope="module")
def simulated():
    """A simulator whose candidates persist, and sessions of its users 1 and 2."""
    simulator = recsim_tf.make(
        "InterestExploration-v1",
        slate_size=2,
        num_candidates=4,
        max_steps=3,
        resample_documents=False,
    )
    return simulator, record(simulator, random_policy(simulator), [1, 2], 3, 9, seed=1)


def test_without_pyarrow_the_table_is_csv_which_from_table_reads_alike(
    simulated, tmp_path, monkeypatch
):
    simulator, recording = simulated
    columns = {role: role for role in ROLES}
    table = session_table(recording, simulator)
    write_files(tmp_path, {file_of_table(): table})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    write_files(tmp_path, {file_of_table(): table})
    monkeypatch.undo()
    logs = [
        from_table(tmp_path / name, columns, attributes=("document_quality",))
        for name in ("sessions.csv", "sessions.parquet")
    ]
    tf.nest.map_structure(np.testing.assert_array_equal, *logs)
    quality = recording.documents.quality.swapaxes(0, 1)
    np.testing.assert_array_equal(logs[0].hidden, quality)
    # The candidates of a user keep their names.
    assert logs[0].documents.max() < 8
    assert not logs[0].departed.any()


def test_states_documents_and_candidates_are_those_of_the_steps(simulated):
    simulator, recording = simulated
    trajectory = simulator.rollout(random_policy(simulator), 3, 3, seed=1)
    states = simulator.replay(trajectory)
    np.testing.assert_array_equal(
        recording.transitions.reward, trajectory.transitions.reward[:, 1:]
    )
    np.testing.assert_allclose(recording.states.affinity[:-1], states.user.affinity[:, 1:])
    np.testing.assert_array_equal(
        recording.candidates.cluster_id, states.candidates.cluster_id[:, 1:]
    )
    shown = np.take_along_axis(recording.candidates.quality, recording.transitions.slate, axis=2)
    np.testing.assert_array_equal(recording.documents.quality, shown)
    (session, _) = sessions_in_words(recording, Wording(), 9)
    assert session.ending.startswith("The time limit ended it after 3 turns: reward ")


def test_an_explanation_of_another_shape_is_refused(simulated):
    simulator, _ = simulated
    policy = Explained(
        random_policy(simulator), lambda *_: Explanation(candidates={"Q": tf.zeros([3, 9])})
    )
    message = r"explain must give candidates\['Q'\] as numbers \[3, 4\], got float32 \(3, 9\)"
    with pytest.raises(UsageError, match=message):
        record(simulator, policy, [0], 3, 2, seed=1)


@pytest.mark.slow
def test_attributes_have_their_names_in_tables_and_on_pages_and_are_of_the_whole_turn():
    names = ("funny", "dark", "slow", "long", "old")
    users = conversations.ConversationUsers(attribute_names=names)
    simulator = recsim_tf.conversation(users, num_candidates=5)  # as many chips as positions
    recording = record(simulator, random_policy(simulator), [0, 1], 4, 6, seed=1)
    table = session_table(recording, simulator)
    for index in range(3):
        attributes = recording.transitions.query.attributes[..., index]
        found = table[f"query_attributes_{index}"]
        # The response repeats them.
        np.testing.assert_array_equal(table[f"response_attributes_{index}"], found)
        assert set(found) <= {names[each] if each >= 0 else None for each in attributes.flat}
        assert set(found) & set(names)
    assert "response_attributes" not in table
    assert "response_item_id" in table
    sessions = sessions_in_words(recording, simulator.users.wording(), 6)
    page = sessions_page("title", "about", sessions)
    assert any(name in page for name in names)
    assert "attribute " not in page
