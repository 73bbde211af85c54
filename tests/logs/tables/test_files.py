# SPDX-License-Identifier: Apache-2.0
"""Tables in files: lines of faults, texts and numbers."""

import gzip

import numpy as np
import pandas as pd
import pytest

from recsim_tf.logs import from_table, to_table
from tests.logs import everything
from tests.refusals import assert_refused

HEADER = "session,step,position,document,clicked,country"


def written(path, *lines):
    path.write_text("\n".join([HEADER, *lines, ""]), newline="")
    return path


FAULTY = ("7,0,0,d0,1,US", '7,1,0,"d\n\n1",0,US', "", "  ", "7,2,0,d0,2,US", "7,3,0,d0,0,US")


def test_the_line_of_a_fault_counts_blank_lines_and_those_inside_of_quotes(tmp_path):
    path = written(tmp_path / "log.csv", *FAULTY)
    message = rf"^row 2 \(line 8 of {path}\), column 'clicked' must be 0 or 1, got 2 \(drop_inv"
    assert_refused(lambda: from_table(path), message)
    assert path.read_text().splitlines()[8 - 1] == FAULTY[4]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_lines_of_compressed_files_with_a_mark_of_their_encoding_are_told(tmp_path, ending):
    path = tmp_path / "log.csv.gz"
    with gzip.open(path, "wb") as file:
        file.write(b"\xef\xbb\xbf" + ending.join([HEADER, *FAULTY]).encode())
    assert_refused(lambda: from_table(path), r"^row 2 \(line 8 of ")


def test_a_file_may_begin_with_blank_lines(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(f"\n  \n{HEADER}\na,0,0,d0,1,US\na,1,0,d1,2,US\n")
    assert_refused(
        lambda: from_table(path), r"^row 1 \(line 5 of .*'clicked' must be 0 or 1, got 2"
    )
    path.write_text(f"\n{HEADER}\na,0,0,d0,1,US\n")
    assert from_table(path).num_steps == 1


def test_the_columns_of_a_wide_table_are_not_all_told():
    wide = pd.DataFrame(0, index=[0], columns=[f"c{number}" for number in range(10_000)])
    columns = {"session": "id", "position": "c0", "document": "c1", "clicked": "c2"}
    with pytest.raises(ValueError, match=r"column 'id' is missing: .* c19 and 9,980 more$"):
        from_table(wide, columns)


def test_a_fault_in_memory_or_in_parquet_has_no_line(tmp_path):
    frame = everything.table(clicked=[0, 1, 7, 0, 1])
    frame.to_parquet(tmp_path / "log.parquet")
    for table in (frame, tmp_path / "log.parquet"):
        assert_refused(lambda table=table: from_table(table), "^row 2, column 'clicked' must be")


def test_a_file_of_blank_last_cells_may_have_blank_lines(tmp_path):
    log = from_table(written(tmp_path / "log.csv", "a,0,0,d0,1,", "   ", "a,0,1,d1,0,"))
    np.testing.assert_array_equal(log.response, [[0]])


def test_ids_and_texts_of_a_file_are_what_stands_there(tmp_path):
    lines = ("007,0,0,1e3,1,NA", "7,0,0,NA,0,US", 'null,0,0,"say ""no"",\nnever",0,NA')
    path = written(tmp_path / "log.csv", *lines)
    log = from_table(path, user_columns={"country": "country"})
    assert list(log.labels.session) == ["007", "7", "null"]
    assert list(log.labels.document) == ["1e3", "NA", 'say "no",\nnever']
    assert list(log.labels.texts["country"]) == ["NA", "US"]
    np.testing.assert_array_equal(log.initial["country"], [0, 1, 0])


def test_numbers_of_users_in_a_file_are_numbers_and_an_empty_column_is_missing(tmp_path):
    path = written(tmp_path / "log.csv", "a,0,0,d0,1,40", "b,0,0,d0,1,", "c,0,0,d0,1,1e3")
    log = from_table(path, user_columns={"country": "country"})
    np.testing.assert_array_equal(log.initial["country"], np.float32([40, np.nan, 1000]))
    path = written(tmp_path / "log.csv", "a,0,0,d0,1,", "b,0,0,d0,1,")
    for table in (path, pd.read_csv(path), pd.read_csv(path).astype({"country": object})):
        country = from_table(table, user_columns={"country": "country"}).initial["country"]
        np.testing.assert_array_equal(country, np.float32([np.nan] * 2))


OF_NUMBERS = [
    ("age", "be a finite number that float32 holds, or empty"),
    ("quality", "be a finite number that float32 holds"),
    ("engagement", "be a finite number that float32 holds, or empty"),
    ("hour", "have a value that float32 holds in each row, as a context"),
]


@pytest.mark.parametrize(("column", "allowed"), OF_NUMBERS)
@pytest.mark.parametrize("number", [1e39, 2.0**24 + 1, np.inf])
def test_what_float32_does_not_hold_or_rounds_to_another_whole_number_is_refused(
    column, allowed, number
):
    frame = everything.table()
    frame[column] = frame[column].astype(float)
    frame.loc[2:4, column] = number
    assert_refused(lambda: everything.log(frame), f"^row 2, column '{column}' must {allowed}, got ")
    frame.loc[2:4, column] = 2.0**40
    frame.loc[frame["session"] == "b", "age"] = 40
    everything.log(frame)


def test_large_numbers_come_back_from_a_file(tmp_path):
    frame = everything.table(quality=[0.1, 123456784.0, 2.0**40, -(2.0**30), 1 / 3])
    log = everything.log(frame)
    to_table(log).to_csv(tmp_path / "log.csv", index=False)
    again = from_table(tmp_path / "log.csv", attributes=["quality"])
    np.testing.assert_array_equal(again.hidden, log.hidden)


def test_engagement_without_clicks_is_written():
    columns = {name: name for name in ("session", "step", "position", "document", "reward")}
    log = from_table(everything.table(), columns | {"engagement": "engagement"})
    np.testing.assert_array_equal(from_table(to_table(log)).engagement, log.engagement)
