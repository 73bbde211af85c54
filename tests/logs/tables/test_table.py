# SPDX-License-Identifier: Apache-2.0
import logging
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import tensorflow as tf

from recsim_tf.choice import ClicksAndPurchases
from recsim_tf.logs import Labels, from_table
from tests.refusals import assert_refused

COLUMNS = {
    "session": "user",
    "step": "visit",
    "position": "slot",
    "document": "video",
    "clicked": "click",
}
EVERYTHING = COLUMNS | {"engagement": "minutes", "timestamp": "time", "departed": "left"}


def table(**replaced) -> pd.DataFrame:
    """Two sessions: user b of two steps, the second with a short slate, and user a of one; rows of
    b first.
    """
    columns = {
        "user": ["b", "b", "b", "a", "a"],
        "visit": [3, 3, 7, 0, 0],
        "time": [10, 10, 11, 5, 5],
        "slot": [0, 1, 1, 0, 1],
        "video": [30, 10, 20, 20, 30],
        "click": [0, 1, 1, 0, 0],
        "minutes": [np.nan, 2.5, 4.0, np.nan, np.nan],
        "left": [0, 0, 0, 1, 1],
        "quality": [0.3, 0.1, 0.2, 0.2, 0.3],
    } | replaced
    return pd.DataFrame(columns)


def changed(column, row, value) -> pd.DataFrame:
    frame = table()
    frame[column] = frame[column].astype(object)
    frame.loc[row, column] = value
    return frame


def assert_same(one, other):
    """Requires the same of two logs, but for their steps and times as they were in tables."""
    same = Labels()
    tf.nest.map_structure(
        np.testing.assert_array_equal, one._replace(labels=same), other._replace(labels=same)
    )
    np.testing.assert_array_equal(one.labels.document, other.labels.document)
    np.testing.assert_array_equal(one.labels.session, other.labels.session)


def test_rows_become_padded_sessions():
    read = from_table(table(), EVERYTHING, attributes=["quality"])
    log = read
    assert list(read.labels.session) == ["b", "a"]
    assert list(read.labels.document) == ["10", "20", "30"]
    np.testing.assert_array_equal(log.length, [2, 1])
    np.testing.assert_array_equal(log.departed, [False, True])
    np.testing.assert_array_equal(log.documents, [[[2, 0], [0, 1]], [[1, 2], [1, 2]]])
    np.testing.assert_array_equal(
        log.shown, [[[True, True], [False, True]], [[True, True], [True, True]]]
    )
    np.testing.assert_array_equal(log.response, [[1, 1], [2, 2]])
    np.testing.assert_array_equal(
        log.hidden, np.float32([[[0.3, 0.1], [0, 0.2]], [[0.2, 0.3], [0.2, 0.3]]])
    )
    n = np.nan
    np.testing.assert_array_equal(
        read.engagement, np.float32([[[n, 2.5], [n, 4]], [[n, n], [n, n]]])
    )
    assert [leaf.dtype for leaf in (log.length, log.documents, log.response)] == [np.int32] * 3
    assert log.initial == log.innovation == ()
    assert read.labels.dropped == {}


def test_engagement_joins_the_choice_for_models_that_draw_it():
    choice, engagement = from_table(table(), EVERYTHING).with_engagement().response
    np.testing.assert_array_equal(choice, [[1, 1], [2, 2]])
    np.testing.assert_array_equal(engagement, np.float32([[2.5, 4], [1, 1]]))
    with pytest.raises(ValueError, match="with_engagement needs a log with engagement"):
        from_table(table(), COLUMNS).with_engagement()


SEVERAL = {"click": [1, 1, 1, 0, 0], "bought": [0, 1, 0, 0, 0], "minutes": [2.0, 3.0, 4.0, 0, 9]}


def test_slates_may_have_several_clicks_and_purchases():
    columns = {**COLUMNS, "engagement": "minutes"}
    read = from_table(table(**SEVERAL), columns, multiple_clicks=True)
    np.testing.assert_array_equal(read.response, [[[1, 1], [0, 1]], [[0, 0], [0, 0]]])
    assert read.response.dtype == np.int32
    clicked, engagement = read.with_engagement().response
    np.testing.assert_array_equal(clicked, read.response)
    np.testing.assert_array_equal(engagement, [[[2, 3], [1, 4]], [[1, 1], [1, 1]]])
    with pytest.raises(ValueError, match=r"^row 1, .* must be 1 in at most one row of a slate"):
        from_table(table(**SEVERAL), columns)
    read = from_table(table(**SEVERAL), columns | {"purchased": "bought"})
    clicked, purchased = read.response
    assert type(read.response) is ClicksAndPurchases
    np.testing.assert_array_equal(clicked, [[[1, 1], [0, 1]], [[0, 0], [0, 0]]])
    np.testing.assert_array_equal(purchased, [[[0, 1], [0, 0]], [[0, 0], [0, 0]]])
    np.testing.assert_array_equal(
        read.with_engagement().response[1], [[[2, 3], [1, 4]], [[1, 1], [1, 1]]]
    )


def test_timestamps_alone_tell_steps():
    columns = {role: name for role, name in EVERYTHING.items() if role != "step"}
    expected = from_table(table(), EVERYTHING)
    dates = [f"2020-01-01T00:00:{second:02}" for second in table()["time"]]
    for times in (table()["time"], dates, pd.to_datetime(dates)):
        assert_same(from_table(table(time=times), columns), expected)


def test_dates_without_nanoseconds_are_refused():
    dates = pd.to_datetime(table()["time"], unit="s").astype("datetime64[s]")
    dates[1] = pd.Timestamp("9999-12-31").as_unit("s")
    with pytest.raises(ValueError, match=r"row 1, column 'time' must be .* a date .*9999"):
        from_table(table(time=dates), EVERYTHING)


@pytest.mark.parametrize("form", ["zone", "two zones", "zone in part"])
def test_times_of_several_zones_are_the_same_points_in_time(form):
    seconds, offsets = table()["time"], {"zone": [1] * 5, "two zones": [2, -5, 2, 0, 5]}
    hours = offsets.get(form, [0, None, 0, None, 3])
    dates = pd.to_datetime(seconds + 86_400, unit="s")
    local = [date + pd.Timedelta(hours=hour or 0) for date, hour in zip(dates, hours, strict=True)]
    zones = ["" if hour is None else f"{hour:+03}:00" for hour in hours]
    texts = [date.isoformat() + zone for date, zone in zip(local, zones, strict=True)]
    read = from_table(table(time=texts), EVERYTHING).labels.time
    expected = from_table(table(time=dates), EVERYTHING).labels.time
    np.testing.assert_array_equal(read, expected)


@pytest.mark.parametrize("larger", [1e3, 1e6, 1e9])
def test_epoch_times_of_several_units_are_refused(larger):
    seconds = 1_700_000_000 + table()["time"]
    for times in (seconds, larger * seconds, seconds - 1_700_000_000 + 999_999_990):
        from_table(table(time=times), EVERYTHING)
    mixed = seconds.astype(float).where(seconds.index != 3, larger * seconds)
    message = "^row 3, column 'time' must be in the same unit in all rows, such as seconds"
    assert_refused(lambda: from_table(table(time=mixed), EVERYTHING), message)
    read = from_table(table(time=mixed), EVERYTHING, drop_invalid=True)
    assert read.labels.dropped == {"other unit of timestamps": 1}


def test_times_of_numbers_and_dates_are_refused():
    dates = [f"2020-01-01T00:00:{second:02}" for second in table()["time"]]
    for row, times in ((2, [*dates[:2], 5, *dates[3:]]), (2, [10, 10, dates[2], 5, 5])):
        message = f"^row {row}, column 'time' must be a number in all rows, or a date"
        frame = table(time=pd.Series(times, dtype=object))
        assert_refused(lambda frame=frame: from_table(frame, EVERYTHING), message)


def test_every_kind_of_table_gives_the_same_log(tmp_path):
    expected = from_table(table(), EVERYTHING)
    table().to_csv(tmp_path / "log.csv", index=False)
    arrow = pa.Table.from_pandas(table())
    pa.parquet.write_table(arrow, tmp_path / "log.parquet")
    for source in (
        arrow,
        tmp_path / "log.csv",
        str(tmp_path / "log.parquet"),
        table().astype(str).replace("nan", None),
    ):
        read = from_table(source, EVERYTHING)
        np.testing.assert_array_equal(read.documents, expected.documents)
        np.testing.assert_array_equal(read.response, expected.response)
        np.testing.assert_array_equal(read.engagement, expected.engagement)


def test_flags_may_be_truth_values_also_as_text():
    expected = from_table(table(), EVERYTHING)
    assert_same(from_table(table(click=table()["click"] == 1), EVERYTHING), expected)
    text = (table()["click"] == 1).astype(str)
    assert_same(from_table(table(click=text), EVERYTHING), expected)
    text[3] = "maybe"
    with pytest.raises(ValueError, match=r"^row 3, column 'click' must be 0 or 1, got 'maybe' ."):
        from_table(table(click=text), EVERYTHING)


def test_chosen_document_stands_for_clicks():
    chosen = table(choice=[10, 10, 20, None, None])
    columns = {role: name for role, name in EVERYTHING.items() if role != "clicked"}
    read = from_table(chosen, columns | {"chosen_document": "choice"})
    assert_same(read, from_table(table(), EVERYTHING))


def test_vocabulary_slate_size_first_position_and_several_attributes_can_be_given():
    read = from_table(
        table(slot=[1, 2, 2, 1, 2]),
        COLUMNS,
        document_ids=[30, 20, 10, 40],
        slate_size=3,
        first_position=1,
        departed=False,
    )
    np.testing.assert_array_equal(read.documents[0], [[0, 2, 0], [0, 1, 0]])
    np.testing.assert_array_equal(read.response, [[1, 1], [3, 3]])
    assert list(read.labels.document) == ["30", "20", "10", "40"]
    assert not read.departed.any()
    read = from_table(table(age=[5.0, 4.0, 3.0, 2.0, 1.0]), COLUMNS, attributes=["quality", "age"])
    np.testing.assert_array_equal([leaf[0, 0, 0] for leaf in read.hidden], np.float32([0.3, 5.0]))


CHOICES = {role: name for role, name in COLUMNS.items() if role != "clicked"} | {
    "chosen_document": "choice"
}
PURCHASES = {**COLUMNS, "purchased": "bought"}
UNNUMBERED = {role: name for role, name in EVERYTHING.items() if role != "step"}


# What is wrong, the row and column that must be named, what was got and the name of the fault; and
# the columns.
FAULTS = [
    (changed("user", 2, None), 2, "user", "None", "missing session id"),
    (changed("visit", 1, 3.5), 1, "visit", "3.5", "invalid step"),
    (changed("time", 4, "yesterday"), 4, "time", "'yesterday'", "invalid timestamp"),
    (changed("time", 2, 9), 2, "time", "9", "timestamps out of order"),
    (changed("slot", 3, -1), 3, "slot", "-1", "invalid position"),
    (changed("slot", 4, 2), 4, "slot", "2", "position outside the slate"),
    (changed("slot", 4, 0), 4, "slot", "0", "duplicate position"),
    (changed("video", 0, None), 0, "video", "None", "invalid document"),
    (changed("click", 2, 2), 2, "click", "2", "invalid clicked"),
    (changed("click", 0, 1), 1, "click", "1", "more than one choice"),
    (changed("minutes", 0, "long"), 0, "minutes", "'long'", "invalid engagement"),
    (changed("left", 2, 1), 2, "left", "1", "departed differs"),
    (changed("quality", 4, np.nan), 4, "quality", "nan", "invalid quality"),
    (changed("time", 2, 9), 2, "time", "9", "timestamps out of order", UNNUMBERED),
    *(
        (table(choice=choice, video=video), row, "choice", "", f"chosen document {fault}", CHOICES)
        for choice, row, fault, video in (
            ([20, 20, 20, None, None], 0, "not shown", [30, 10, 20, 20, 30]),
            ([10, 10, 20, None, 30], 4, "differs", [30, 10, 20, 20, 30]),
            ([10, 10, 20, None, None], 1, "shown twice", [10, 10, 20, 20, 30]),
        )
    ),
    *(
        (table(**SEVERAL | {"bought": bought}), row, "bought", got, reason, PURCHASES)
        for bought, row, got, reason in (
            ([0, 1, 0, 1, 0], 3, "1", "purchase without a click"),
            ([0, 1, 0, 0, 7], 4, "7", "invalid purchased"),
        )
    ),
]


@pytest.mark.parametrize(
    ("frame", "row", "column", "got", "reason", "columns"),
    [(*fault, EVERYTHING)[:6] for fault in FAULTS],
)
def test_a_fault_is_named_by_row_and_column_or_its_session_is_dropped_and_counted(
    frame, row, column, got, reason, columns, caplog
):
    message = f"^row {row}, column '{column}' must .*, got {got}"
    assert_refused(lambda: from_table(frame, columns, attributes=["quality"]), message)
    with caplog.at_level(logging.WARNING):
        read = from_table(frame, columns, attributes=["quality"], drop_invalid=True, slate_size=2)
    assert read.labels.dropped == {reason: 1}
    left = ["b", "a"] if reason == "missing session id" else ["b" if row > 2 else "a"]
    assert list(read.labels.session) == left
    assert f"sessions dropped: {reason} 1" in caplog.text
    assert len(read.length) == len(left)


def test_a_forgotten_option_is_not_taken_for_faults_of_sessions():
    number = 400
    frame = pd.DataFrame({"session": np.repeat(np.arange(number), 2), "document": [1, 2] * number})
    frame = frame.assign(position=[0, 1] * number, clicked=0)
    clicked_twice = frame["session"].isin(range(21))
    faulty = frame.assign(clicked=clicked_twice.astype(int))
    message = (
        "drop_invalid=True must leave out at most 5% of the sessions for one cause, got 21 of 400"
        " for 'more than one choice': row 1, column 'clicked' must be 1 in at most one row of a"
        r" slate \(multiple_clicks=True takes more\), got 1$"
    )
    assert_refused(lambda: from_table(faulty, drop_invalid=True), message)
    assert from_table(faulty, multiple_clicks=True, drop_invalid=True).num_sessions == number
    fewer = from_table(faulty[faulty["session"] > 1], drop_invalid=True)
    assert fewer.labels.dropped == {"more than one choice": 19}
    assert fewer.num_sessions == number - 21
    with pytest.raises(ValueError, match=r"first slate_size=1 positions .set first_position or sl"):
        from_table(frame, drop_invalid=True, slate_size=1)


def test_types_of_columns_and_the_order_of_numbered_rows_do_not_matter():
    expected = from_table(table(), EVERYTHING)
    shuffled = table().iloc[[4, 1, 2, 0, 3]]
    for frame in (
        shuffled.sort_values("user", ascending=False, kind="stable"),
        table().astype("category"),
        table().convert_dtypes(),
        table().convert_dtypes(dtype_backend="pyarrow"),
    ):
        assert_same(from_table(frame, EVERYTHING), expected)


def test_each_session_is_dropped_once_with_its_first_fault():
    frame = changed("click", 0, -1)
    frame.loc[1, "slot"] = 0
    frame.loc[3, "click"] = 2
    with pytest.raises(ValueError, match=r"none: 2 of 2 sessions dropped: invalid clicked 2"):
        from_table(frame, EVERYTHING, drop_invalid=True)


@pytest.mark.parametrize(
    ("columns", "arguments", "message"),
    [
        ({**COLUMNS, "document": "film"}, {}, "column 'film' is missing: the table has user, vis"),
        ({**COLUMNS, "price": "minutes"}, {}, "columns must map some of .*, got 'price'"),
        ({"session": "user"}, {}, "columns must name a column for 'position'"),
        (
            {role: name for role, name in COLUMNS.items() if role != "clicked"},
            {},
            "columns must name a column for one of 'clicked', 'chosen_document' and 'reward'",
        ),
        ({**COLUMNS, "chosen_document": "film"}, {}, "for one of 'clicked' and 'chosen_docum"),
        ({**CHOICES, "purchased": "click"}, {}, "for 'clicked', since slates may have several"),
        (COLUMNS, {"slate_size": 10**9}, "slate_size must be at most 10000, got 1000000000"),
        (COLUMNS, {"document_ids": [1, 1]}, "document_ids must differ"),
        (COLUMNS, {"document_ids": [10, 20]}, "^row 0, .* must be one of document_ids, got 30"),
    ],
)
def test_bad_arguments_are_named(columns, arguments, message):
    assert_refused(lambda: from_table(table(), columns, **arguments), message)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (table().iloc[:0], "table must have at least one row and one column, got 0 rows and 9 c"),
        ([1], "table must be a pandas DataFrame, a pyarrow Table or a path, got list"),
        ("log.json", r"the name of a table's file must end in one of \.csv"),
        ("empty.csv", "is not a table of separated values"),
        ("ragged.csv", "is not a table of separated values: .* line 3"),
        ("other.parquet", "is not a Parquet file"),
        ("none.csv", "there is no file"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, monkeypatch, source, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.csv").touch()
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n1,2,3\n")
    (tmp_path / "other.parquet").write_text("a,b\n")
    with pytest.raises((ValueError, FileNotFoundError), match=message) as error:
        from_table(source, COLUMNS)
    assert "\n" not in str(error.value)


def test_a_file_without_known_names_of_columns_is_refused(tmp_path):
    for text, message in (
        ("", "log.csv is not a table of separated values: it is empty"),
        (" \n\n", "log.csv is not a table of separated values: it is empty"),
        ("a,b\n1,2\n", "columns must name the columns of session, .*: the table has a, b$"),
        ("session,b\n1,2\n", "columns must name a column for 'position', got {'session'"),
    ):
        (tmp_path / "log.csv").write_text(text)
        assert_refused(lambda: from_table(tmp_path / "log.csv"), message)


def test_without_pandas_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"needs pandas: install recsim-tf\[fitting\]"):
        from_table("log.csv", COLUMNS)


def test_large_steps_stay_apart_or_are_refused():
    steps = [2**53, 2**53, 2**53 + 1, 0, 0]
    assert from_table(table(visit=steps), COLUMNS).length.tolist() == [2, 1]
    with pytest.raises(ValueError, match="row 0, column 'visit' must be a whole number"):
        from_table(table(visit=np.array(steps, float)), COLUMNS)


def test_a_table_without_departures_says_so_and_a_model_asks_for_them():
    log = from_table(table(), COLUMNS)
    assert log.departed == ()
    assert "does not say whether users left" in repr(log)
    assert from_table(table(), COLUMNS, departed=False).departed.tolist() == [False, False]
    with pytest.raises(ValueError, match=r"needs a log with departures .* departed=True"):
        log.require("a fit", "departed")
