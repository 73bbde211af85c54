# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pandas as pd
import pytest

from recsim_tf.conversations import Act, Mode
from recsim_tf.conversations.acts import alphabet
from recsim_tf.conversations.logs import from_turns
from recsim_tf.conversations.types import UNKNOWN
from recsim_tf.language import Vocabulary
from tests.refusals import assert_refused

COLUMNS = {"session": "user", "step": "turn", "act": "act", "mode": "reply", "value": "value"}
WORDS = {**COLUMNS, "words": "said"}
ROWS = {
    "user": ["a", "b", "a", "a"],
    "turn": [2, 1, 1, 3],
    "act": ["RECOMMEND", "ask", "4", "silent"],
    "reply": ["choose", "answer", "Answer", "nothing"],
    "value": [1, 2, 0, None],
    "first": ["up", None, "heat", None],
    "second": ["heat", None, None, None],
    "asked": [None, "dark", "funny", None],
    "said": ["the second", "no idea", "no", None],
}
READ = {
    "items": ("first", "second"),
    "attributes": ("asked",),
    "attribute_names": ("funny", "dark"),
}


def changed(**cells):
    frame = pd.DataFrame(ROWS)
    for name, value in cells.items():
        frame[name] = value
    return frame


def test_rows_are_turns_of_conversations():
    found = from_turns(changed(), COLUMNS, **READ)
    log, replies = found, alphabet(2, 2)
    np.testing.assert_array_equal(found.labels.session, ["a", "b"])
    np.testing.assert_array_equal(found.labels.document, ["heat", "up"])
    np.testing.assert_array_equal(log.length, [3, 1])
    np.testing.assert_array_equal(log.query.act[0], [Act.ASK, Act.RECOMMEND, Act.SILENT])
    np.testing.assert_array_equal(log.query.attributes[:, 0, 0], [0, 1])
    np.testing.assert_array_equal(log.shown[0], [[1, 0], [1, 1], [0, 0]])
    np.testing.assert_array_equal(log.documents[0, 1], [1, 0])
    modes = ((Mode.ANSWER, 0), (Mode.CHOOSE, 1), (Mode.NOTHING, 0))
    expected = [int(replies.symbol(mode, value)) for mode, value in modes]
    np.testing.assert_array_equal(log.response.symbol[0], expected)


def test_with_words_a_reply_may_be_known_in_part_or_not_at_all():
    frame = changed(reply=["choose", None, "answer", "nothing"], value=[1, None, None, None])
    vocabulary = Vocabulary(["no", "second"], max_length=2)
    response = from_turns(frame, WORDS, vocabulary=vocabulary, **READ).response
    choose = int(alphabet(2, 2).symbol(Mode.CHOOSE, 1))
    mode, symbol = response.reply
    np.testing.assert_array_equal(mode[0], [Mode.ANSWER, Mode.CHOOSE, Mode.NOTHING])
    np.testing.assert_array_equal(symbol[0], [UNKNOWN, choose, 0])
    assert (mode[1, 0], symbol[1, 0]) == (UNKNOWN, UNKNOWN)
    np.testing.assert_array_equal(response.words[0], [[2, 0], [1, 3], [0, 0]])
    np.testing.assert_array_equal(response.dwell, np.full([2, 3], -1))


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"act": "sing"}, "row 0, column 'act' must be one of silent, recommend, "),
        ({"reply": [None] * 4}, "row 0, column 'reply' must be one of nothing, choose, "),
        ({"value": 9}, "row 0, column 'value' must be a value of its mode, from 0 on, got 9"),
        ({"turn": 1}, "column 'turn' must differ from the other steps of its session"),
        ({"asked": "loud"}, "row 0, column 'asked' must be one of attribute_names, got 'loud'"),
        ({"value": "x"}, "row 0, column 'value' must be a value of its mode, from 0 on, got 'x'"),
        ({"second": "up"}, "row 0, column 'second' must differ from the other items of its row"),
        ({"second": None}, "row 0, column 'value' must be a position with an item, or none, got 1"),
    ],
)
def test_a_fault_is_named_with_its_row(cells, message):
    assert_refused(lambda: from_turns(changed(**cells), COLUMNS, **READ), message)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"dwell": 1e300}, "row 0, column 'dwell' must be 0 or more, got 1e[+]300"),
        ({"dwell": 0}, "row 0, column 'dwell' must be above 0 where an item is chosen, got 0"),
        ({"dwell": 5}, "row 1, column 'dwell' must be 0 where no item is chosen, got 5"),
        ({"left": "maybe"}, "row 0, column 'left' must be 0 or 1, got 'maybe'"),
        ({"left": [1, 1, 0, 1]}, "column 'left' must be the same in all rows of a session"),
        # pandas 3 holds it as an object alone.
        (
            {"said": pd.Series(["\ud800"] * 4, dtype=object)},
            r"row 0, column 'said' must be text of UTF-8, got '\\ud800'",
        ),
    ],
)
def test_a_fault_in_what_may_be_left_out_is_named_with_its_row(cells, message):
    columns = WORDS | {"dwell": "dwell", "departed": "left"}
    frame = changed(**({"dwell": [2.5, 0, 0, 0], "left": 1} | cells))
    with pytest.raises(ValueError, match=message):
        from_turns(frame, columns, vocabulary=Vocabulary(["no"], 1), **READ)


def test_modes_of_several_values_need_a_column_of_values():
    columns = {role: name for role, name in COLUMNS.items() if role != "value"}
    with pytest.raises(ValueError, match="row 0, column 'reply' must have one value, got 'choose'"):
        from_turns(changed(), columns, **READ)


@pytest.mark.parametrize(
    ("columns", "changes", "message"),
    [
        ({**COLUMNS, "mood": "act"}, {}, "columns must map some of session, step, act"),
        (WORDS, {}, "vocabulary must be a Vocabulary for a table with words, got None"),
        (COLUMNS, {"items": ()}, "items must be a list of at least 1, got 0"),
        (COLUMNS, {"items": ("third",)}, "column 'third' is missing: the table has user"),
        (
            COLUMNS,
            {"items": ("first",) * 2},
            "items must differ from each other, got 'first' twice",
        ),
        (
            COLUMNS,
            {"item_ids": ("up", "up")},
            "item_ids must differ from each other, got 'up' twice",
        ),
        (COLUMNS, {"attribute_names": ()}, "attribute_names must be a list of at least 1, got 0"),
        ({**COLUMNS, "act": "turn"}, {}, "columns must differ from each other, got 'turn' twice"),
    ],
)
def test_what_is_missing(columns, changes, message):
    assert_refused(lambda: from_turns(changed(), columns, **(READ | changes)), message)
