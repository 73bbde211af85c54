# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pandas as pd
import pytest

from recsim_tf.logs import read_kuairand
from tests.real_worlds import tables
from tests.refusals import assert_refused


@pytest.fixture(scope="module")
def frame():
    return tables.impressions()


@pytest.fixture(scope="module")
def log(frame):
    return read_kuairand(frame, [tables.histories()], num_videos=20)


def test_each_impression_is_a_step_of_its_user_in_order_of_time(frame, log):
    assert (log.num_sessions, log.num_steps, log.slate_size) == (60, 480, 1)
    for user in (0, 7):
        rows = frame[frame["user_id"] == user].sort_values(["time_ms", "video_id"])
        row = list(log.labels.session).index(str(user))
        np.testing.assert_array_equal(log.documents[row, :, 0], rows["video_id"])
        np.testing.assert_array_equal(log.response[row, :, 0], rows["is_click"])
        np.testing.assert_array_equal(_context(log, "tab")[row], rows["tab"])
        np.testing.assert_array_equal(_context(log, "hour")[row], rows["hourmin"] // 100)
        hours = np.diff(rows["time_ms"]) / 3.6e6
        pause = _context(log, "pause")[row]
        assert pause[0] == 24
        np.testing.assert_allclose(pause[1:], np.maximum(hours, 1e-3), rtol=1e-5)


def _context(log, name):
    later = log.innovation[name][:, :-1]
    return np.concatenate([log.initial[name][:, np.newaxis], later], axis=1)


def test_the_share_of_long_views_is_smoothed_and_zero_without_a_history(frame):
    log = read_kuairand(frame, [tables.histories(30)], num_videos=20)
    shares = dict(zip(log.labels.session, log.initial["share"], strict=True))
    assert shares["0"] == pytest.approx((2 - 0.35 * 4) / 12)
    assert shares["29"] == pytest.approx(-0.35 * 4 / 12)
    assert shares["59"] == 0


def test_tables_of_later_days_continue_the_sessions(frame, log):
    early = frame["time_ms"] < frame["time_ms"].median()
    whole = read_kuairand([frame[~early], frame[early]], [tables.histories()], num_videos=20)
    np.testing.assert_array_equal(whole.documents, log.documents)
    np.testing.assert_array_equal(whole.innovation["pause"], log.innovation["pause"])


def test_files_are_tables(tmp_path, frame, log):
    frame.to_parquet(tmp_path / "impressions.parquet")
    tables.histories().to_parquet(tmp_path / "histories.parquet")
    read = read_kuairand(
        tmp_path / "impressions.parquet", [tmp_path / "histories.parquet"], num_videos=20
    )
    np.testing.assert_array_equal(read.initial["share"], log.initial["share"])


def test_ids_are_the_same_as_texts_and_as_numbers(frame, log):
    histories = tables.histories()
    for impressions, users in (
        (frame.assign(user_id=frame["user_id"].astype(str)), histories),
        (frame, histories.assign(user_id=histories["user_id"].astype(float))),
        (frame, histories.assign(watch_seq=[list(map(str, row)) for row in histories.watch_seq])),
        (frame.assign(video_id=frame["video_id"].astype(str)), histories),
    ):
        read = read_kuairand(impressions, [users], num_videos=20)
        assert list(read.labels.session) == list(log.labels.session)
        np.testing.assert_array_equal(read.initial["share"], log.initial["share"])
        np.testing.assert_array_equal(read.documents, log.documents)


def test_a_fault_has_the_row_of_its_table_and_the_line_of_its_file(tmp_path, frame):
    row = frame.index[frame["user_id"] == 7][-1]
    faulty = frame.assign(is_click=np.where(frame.index == row, 2, frame["is_click"]))
    message = f"row {row}, column 'is_click' must be 0 or 1, got 2"
    assert_refused(lambda: read_kuairand([frame, faulty], num_videos=20), message)
    path = tmp_path / "impressions.csv"
    faulty.to_csv(path, index=False)
    message = rf"row {row} \(line {row + 2} of .*impressions.csv\), col"
    assert_refused(lambda: read_kuairand(path, num_videos=20), message)


@pytest.mark.parametrize("split", [False, True])
def test_a_user_has_one_history(frame, split):
    first, second = tables.histories(), tables.histories(3).astype({"user_id": str})
    histories = [first, second] if split else [pd.concat([first, second])]
    row = 0 if split else len(first)
    with pytest.raises(ValueError, match=f"row {row}, column 'user_id' must differ from the other"):
        read_kuairand(frame, histories, num_videos=20)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="tab"), "tab"),
        (lambda table: table.assign(user_id=np.nan), "row 0, column 'user_id' must be a user id"),
        (
            lambda table: table.assign(video_id=25),
            r"'video_id' must be a video id in \[0, 20\), got",
        ),
        (lambda table: table.assign(video_id=np.nan), "row 0, column 'video_id' must be a video"),
        (lambda table: table.assign(is_click=2), "is_click"),
        (lambda table: table.assign(tab=np.nan), "tab"),
        (lambda table: table.assign(tab="x"), "row 0, column 'tab' must be a whole number in"),
        (
            lambda table: table.assign(hourmin=1875),
            "column 'hourmin' must be a time of the day, got",
        ),
        (lambda table: table.assign(hourmin="18:30"), "row 0, column 'hourmin' must be a whole"),
        (lambda table: table.assign(time_ms="noon"), "row 0, column 'time_ms' must be a whole"),
    ],
)
def test_faults_name_the_column(frame, change, message):
    assert_refused(lambda: read_kuairand(change(frame), num_videos=20), message)


def test_histories_hold_lists_and_not_their_texts(frame):
    texts = tables.histories().assign(watch_seq="[1, 2]")
    with pytest.raises(ValueError, match="row 0, column 'watch_seq' must be a list"):
        read_kuairand(frame, [texts], num_videos=20)


def test_histories_need_their_columns(frame):
    with pytest.raises(ValueError, match="watch_seq"):
        read_kuairand(frame, [pd.DataFrame({"user_id": [1]})], num_videos=20)
