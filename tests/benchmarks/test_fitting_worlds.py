# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from fits import feed, returns, shelf

from tests.benchmarks.runs import QUICK, quick_run, quick_section
from tests.real_worlds import tables

FEED = {"later_days", "other_users", "boosting", "gain_user", "gain_order", "gain_order_z"}


@pytest.fixture
def folder(tmp_path):
    tables.write(tmp_path)
    return tmp_path


@pytest.mark.long
def test_a_quick_run_scores_the_feed_and_saves_its_scalars(tmp_path, folder):
    others = tmp_path / "others.parquet"
    tables.impressions(seed=1).to_parquet(others)
    later = tables.impressions().assign(time_ms=lambda table: table.time_ms + 2 * 10**9)
    later.to_parquet(tmp_path / "later.parquet")
    content, printed = quick_run(
        *(tmp_path, "fitting.py", "feed", f"--path={folder}"),
        *(f"--test={tmp_path / 'later.parquet'}", f"--test={others}"),
        f"--model={tmp_path / 'model'}",
    )
    figures = content["figures"]
    assert {f"feed.{name}" for name in (*FEED, "gain_shuffled", "spread")} == set(figures)
    assert "boosting with order" in printed
    assert str(folder) not in str(content)
    assert content["command"].count("--test=PATH") == 2
    assert (tmp_path / "model" / "MODEL_CARD.md").is_file()


def test_without_other_files_later_days_and_users_are_kept_apart(folder):
    data = feed.read(QUICK._replace(path=str(folder)))
    assert data.train.num_sessions <= data.later.num_sessions == 48
    assert data.others.num_sessions == 12
    assert data.train.num_steps + data.is_later.sum() == data.later.num_steps
    times = data.later.labels.time[..., 0]
    assert times[data.is_later].min() > times[data.later.active & ~data.is_later].max()


def test_shuffled_contents_stay_in_their_part_and_keep_their_tab(folder):
    data = feed.read(QUICK._replace(path=str(folder)))
    mixed = feed.shuffled(data.later, 0, data.is_later)
    for part in (data.is_later, data.later.active & ~data.is_later):
        for row in range(data.later.num_sessions):
            pairs = [
                sorted(
                    zip(
                        log.documents[row, part[row], 0],
                        _tabs(log)[row, part[row]],
                        log.response[row, part[row], 0],
                        strict=True,
                    )
                )
                for log in (data.later, mixed)
            ]
            assert pairs[0] == pairs[1]
    np.testing.assert_array_equal(mixed.innovation["pause"], data.later.innovation["pause"])
    assert not np.array_equal(mixed.documents, data.later.documents)


def _tabs(log):
    return np.concatenate([log.initial["tab"][:, np.newaxis], log.innovation["tab"][:, :-1]], 1)


@pytest.mark.long
def test_a_quick_run_fits_all_shelves(folder):
    figures, _ = quick_section("fits.shelf.shelf", QUICK._replace(path=str(folder)))
    names = ("yogurt", "yogurt_gain", "train_gain", "train_gain_shuffled")
    assert {f"shelf.{name}" for name in names} < set(figures)
    assert {"electricity.halton_600", "electricity.max_z"} < set(figures)


@pytest.mark.long
def test_other_households_are_those_of_the_file(folder):
    settings = QUICK._replace(path=str(folder), test=(str(folder / "yogurt.csv"),))
    figures, _ = quick_section("fits.shelf.shelf", settings)
    assert figures["shelf.yogurt"] > 0


def test_a_quick_run_fits_returns(folder):
    figures, _ = quick_section("fits.returns.returns", QUICK._replace(path=str(folder)))
    assert set(figures) == {"returns.nats", "returns.log_normal", "returns.worst_decile"}
    assert figures["returns.nats"] > 0


def test_visits_are_watched_until_the_next_or_the_end_of_the_log(folder):
    _, log = returns.read(QUICK._replace(path=str(folder)))
    visits = returns.Visits.of(log)
    assert (visits.watched[visits.is_back] >= 1).all()
    assert visits.is_back.sum() == log.num_steps - log.num_sessions
    first = visits.number == 1
    assert (visits.day[first] == 0).all()
    assert (visits.last_gap[~first] > 0).all()


@pytest.mark.parametrize(("section", "file"), [("shelf", "yogurt"), ("returns", "ta_feng")])
def test_a_folder_without_the_data_is_named(tmp_path, section, file):
    function = {"shelf": shelf.shelf, "returns": returns.returns}[section]
    with pytest.raises(SystemExit, match=f"path must be a folder with {file}"):
        function(QUICK._replace(path=str(tmp_path)))


def test_one_other_file_of_the_feed_is_too_few(folder):
    settings = QUICK._replace(path=str(folder), test=(str(folder / "kuairand_train.parquet"),))
    with pytest.raises(SystemExit, match="test must be given twice or not at all"):
        feed.feed(settings)
