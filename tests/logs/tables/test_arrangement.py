# SPDX-License-Identifier: Apache-2.0
"""Rows of a table become sessions and steps whatever their order; columns have one role each."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from recsim_tf.logs import from_table, to_table
from tests.logs import everything
from tests.refusals import assert_refused

COLUMNS = {name: name for name in ("session", "step", "position", "document", "clicked")}
TIMES = {name: name for name in ("session", "timestamp", "position", "document", "clicked")}


def visits(times) -> pd.DataFrame:
    """One session with a slate of one document at each time."""
    number = len(times)
    documents = [f"d{each}" for each in range(number)]
    columns = {"session": "a", "position": 0, "document": documents, "clicked": 0}
    return pd.DataFrame({"timestamp": times} | columns)


def test_rows_of_a_session_may_stand_far_apart():
    expected = everything.log()
    frame = everything.table()
    for order in ([0, 3, 1, 4, 2], [2, 4, 1, 3, 0]):
        shuffled = frame.iloc[order]
        tf.nest.map_structure(np.testing.assert_array_equal, everything.log(shuffled), expected)


def test_one_session_and_sessions_of_one_step_are_logs():
    single = from_table(everything.table().query("session == 'b'"), COLUMNS)
    assert (single.num_sessions, single.max_length) == (1, 2)
    short = from_table(everything.table().query("step != 7"), COLUMNS)
    assert (short.num_sessions, short.max_length) == (2, 1)
    assert short.response.shape == (2, 1)
    context = from_table(everything.table().query("step != 7"), COLUMNS, context={"hour": "hour"})
    np.testing.assert_array_equal(context.innovation["hour"], [[8], [23]])
    row = from_table(everything.table()[:1].assign(clicked=1), COLUMNS)
    assert (row.num_sessions, row.max_length, row.slate_size) == (1, 1, 1)


def test_times_have_the_zone_that_is_written_or_utc():
    for times, order in (
        (["2020-01-01T01:00:12+01:00", "2020-01-01 00:00:14"], [12, 14]),
        (["2020-01-01T05:30:03+05:30", "2020-01-01 00:00:04Z", "2020-01-01"], [3, 4, 0]),
        (["2020-01-01 00:00:02", "2019-12-31T19:00:03-0500", "2020-01-01 00:00:04"], [2, 3, 4]),
        (["2020-01-01", "2020-01-01T00:00:01.5Z"], [0, 1.5]),
        (["20200101T010001+01", "20200101T000002"], [1, 2]),
    ):
        frame = visits(times).assign(step=range(len(times)))
        sound = frame if order == sorted(order) else frame.assign(session=list("abc"))
        log = from_table(sound, COLUMNS | TIMES)
        since = np.sort((log.labels.time[log.active] - 1577836800 * 10**9).ravel() / 1e9)
        np.testing.assert_allclose(since, sorted(order))
        assert log.labels.dates
        if order != sorted(order):
            message = "column 'timestamp' must not decrease within a session"
            assert_refused(lambda frame=frame: from_table(frame, COLUMNS | TIMES), message)


def test_times_alone_tell_the_steps_of_rows_that_stand_in_their_order():
    times = ["2020-01-01T01:00:12+01:00", "2020-01-01 00:00:12", "2020-01-01 00:00:13Z"]
    frame = visits(times).assign(position=[0, 1, 0])
    log = from_table(frame, TIMES)
    np.testing.assert_array_equal(log.shown, [[[True, True], [True, False]]])
    backwards = frame[::-1].reset_index(drop=True)
    message = "^row 1, column 'timestamp' must not decrease within a session, got '2020-01-01 00:0"
    assert_refused(lambda: from_table(backwards, TIMES), message)
    # Steps tell their order, wherever rows stand.
    same = from_table(backwards.assign(step=[1, 0, 0]), COLUMNS | TIMES)
    np.testing.assert_array_equal(same.documents, log.documents)


def test_numbers_stay_numbers_where_a_faulty_time_is_dropped():
    frame = visits([3, 4, "soon"]).assign(session=list("aab"), step=[0, 1, 0])
    log = from_table(frame, COLUMNS | TIMES, drop_invalid=True)
    assert not log.labels.dates
    assert log.labels.dropped == {"invalid timestamp": 1}
    np.testing.assert_array_equal(to_table(log)["timestamp"], [3, 4])


TWICE = everything.table().rename(columns={"user": "document"})
REFUSALS = [
    (lambda: from_table(TWICE, COLUMNS), "column 'document' is there twice: the table has session"),
    (
        lambda: from_table(everything.table(), {**COLUMNS, "departed": "clicked"}),
        "columns must differ from each other, got 'clicked' twice",
    ),
    (
        lambda: from_table(everything.table(), COLUMNS, document_ids=["001", "002", ""]),
        "document_ids must be a list of names or ids, got ''",
    ),
    (
        lambda: from_table(everything.table(), COLUMNS, document_ids=[1.0, np.inf]),
        "document_ids must be a list of names or ids, got inf",
    ),
    (
        lambda: everything.log(everything.table(document=["003", "003", "2", "002", "003"])),
        "row 2, column 'document' must be one of the candidates of its step, got '2'",
    ),
    (
        lambda: everything.log(everything.table(document=["003", "003", "002", "002", "003"])),
        "row 1, column 'document' must differ from the other documents of its slate, got '003'",
    ),
    (
        lambda: everything.log(everything.table(propensity_prefix=[0.5, 0.3, 0.5, 0.6, 0.3])),
        "row 1, column 'propensity_prefix' must equal propensity at the last position of a slate",
    ),
    (
        lambda: everything.log(everything.table(propensity_set=[0.1, 0.1, 0.5, 0.6, 0.6])),
        "row 0, column 'propensity_set' must be at least that of the slate in its order, got 0.1",
    ),
    (
        lambda: everything.log(everything.table(propensity_position=[0.1, 0.4, 0.5, 0.6, 0.5])),
        "row 0, column 'propensity_position' must be at least that of the slate in its order, got",
    ),
    (
        lambda: from_table(everything.table(document=["003", "003", "002", "002", "003"])),
        "row 1, column 'document' must differ from the other documents of its slate, got '003'",
    ),
    (
        lambda: everything.log(everything.table(session=["b", "b", "b", "b\0", "b\0"])),
        r"row 3, column 'session' must be a session id, got 'b\\x00'",
    ),
    (
        lambda: from_table(everything.table(document=["003", b"1", "002", "002", "003"])),
        "row 1, column 'document' must be a document id, got b'1'",
    ),
    (
        lambda: from_table(everything.table(user=[(1, 2)] * 5)),
        r"row 0, column 'user' must be a user id, got \(1, 2\)",
    ),
    (
        lambda: from_table(everything.table(), document_ids=["001", "002", "003\0"]),
        r"document_ids must be a list of names or ids, got '003\\x00'",
    ),
    (
        lambda: from_table(everything.table(), candidates=5),
        "candidates must be a pandas DataFrame, a pyarrow Table or a path, got int",
    ),
]


@pytest.mark.parametrize(("call", "message"), REFUSALS)
def test_what_is_not_told_or_told_twice_is_refused(call, message):
    assert_refused(call, message)


def test_slates_that_contradict_themselves_are_dropped():
    for column, values, reason in (
        ("document", ["003", "003", "002", "002", "003"], "document shown twice"),
        ("propensity_prefix", [0.5, 0.3, 0.5, 0.6, 0.3], "propensity_prefix differs"),
        ("propensity_set", [0.1, 0.1, 0.5, 0.6, 0.6], "propensity_set too small"),
    ):
        log = everything.log(everything.table(**{column: values}), drop_invalid=True)
        assert list(log.labels.session) == ["a"]
        assert log.labels.dropped == {reason: 1}
