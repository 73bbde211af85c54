# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest
from scipy import stats

from recsim_tf.experiment.sweeps.results import interval_estimate, read_results, table_files
from recsim_tf.experiment.sweeps.summary import summary_files, variants_table, without_effect
from recsim_tf.experiment.sweeps.sweep_folder import SweepDirectory
from recsim_tf.experiment.sweeps.trial import Outcome, TrialFiles
from recsim_tf.support.outputs import write_files
from tests.experiment.sweeps.sweeps import claim, finish, plan_tiny
from tests.experiment.tiny_runs import read_csv
from tests.web_page import read_page

# Matplotlib warns of its own dependencies.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_one_seed_has_the_interval_of_its_sessions():
    found = interval_estimate([10.0], [2.0])
    assert (found.value, found.method) == (10.0, "one seed")
    np.testing.assert_allclose([found.low, found.high], [10 - 1.96 * 2, 10 + 1.96 * 2], atol=1e-3)


def test_two_and_three_seeds_have_students_interval():
    found = interval_estimate([1.0, 2.0, 3.0], [9.0, 9.0, 9.0])
    # t(0.975, 2) = 4.3027, and the standard error is 1 / sqrt(3).
    np.testing.assert_allclose(
        [found.value, found.low, found.high],
        [2.0, 2 - 4.3027 / 3**0.5, 2 + 4.3027 / 3**0.5],
        atol=1e-4,
    )
    assert found.method == "mean"
    assert interval_estimate([2.0, 2.0], [1.0, 1.0])[:3] == (2.0, 2.0, 2.0)


def test_more_seeds_have_the_interquartile_mean_which_one_bad_seed_does_not_move():
    good = interval_estimate([10.0, 11.0, 12.0, 13.0], [1.0] * 4)
    assert good[:1] + good[3:] == (11.5, "IQM")
    assert interval_estimate([-1000.0, 11.0, 12.0, 13.0], [1.0] * 4).value == 11.5
    assert interval_estimate([7.0] * 5, [1.0] * 5)[:3] == (7.0, 7.0, 7.0)


def test_the_bootstrap_interval_covers_the_mean_about_as_often_as_it_says():
    generator = np.random.default_rng(0)
    found = [interval_estimate(generator.normal(size=20), [1.0] * 20) for _ in range(200)]
    covered = np.mean([interval.low <= 0 <= interval.high for interval in found])
    # Four standard errors of 200 trials; the percentile bootstrap of 20 is a little short of 95%.
    assert 0.91 - 4 * stats.binom(200, 0.93).std() / 200 < covered <= 1
    assert interval_estimate([1.0, 2.0, 3.0, 4.0], [1.0] * 4) == interval_estimate(
        [1.0, 2.0, 3.0, 4.0], [1.0] * 4
    )


@pytest.fixture
def folder(tmp_path):
    """A sweep of three variants with two seeds: one finished, one with a failure, one that was
    stopped or not run.
    """
    variants = [
        {"Exploration.epsilon": 0.1},
        {"Exploration.epsilon": 0.2},
        {"Exploration.epsilon": 0.3, "Adam.beta_1": 0.8},
    ]
    trials = plan_tiny(*variants, seeds=(0, 1))
    folder = SweepDirectory(str(tmp_path), trials)
    claim(folder)
    files = [folder.files[trial.name] for trial in trials]
    for index, value in enumerate((10.0, 12.0, 20.0)):
        finish(files[index], trials[index].config, value, used="Exploration.epsilon = 0.1")
    for index, outcome in ((3, Outcome("failed", "it | broke")), (4, Outcome("stopped"))):
        files[index].prepare(trials[index].config)
        files[index].record(outcome)
    return folder


def test_tables_hold_every_trial_and_the_best_variant_first(folder):
    result = read_results(folder)
    write_files(folder.path, table_files(result))
    rows = read_csv(folder.path / "sweep.csv")
    statuses = "finished finished finished failed stopped pending"
    assert [row["status"] for row in rows] == statuses.split()
    assert [row["return"] for row in rows] == ["10.0", "12.0", "20.0", "", "", ""]
    epsilons = [row["Exploration.epsilon"] for row in rows]
    assert epsilons == ["0.1", "0.1", "0.2", "0.2", "0.3", "0.3"]
    assert [row["Adam.beta_1"] for row in rows] == ["", "", "", "", "0.8", "0.8"]
    assert rows[3]["error"] == "it | broke"
    assert rows[0]["folder"] == "trials/epsilon=0.1/seed-0"
    content = json.loads((folder.path / "sweep.json").read_text())
    assert content["swept"] == ["Exploration.epsilon", "Adam.beta_1"]
    assert content["baselines"] == {"Random": 3.0}
    best, second, last = content["variants"]
    assert best["bindings"] == {"Exploration.epsilon": 0.2}
    assert (best["finished"], best["return"]["value"]) == (1, 20.0)
    assert (second["return"]["value"], second["return"]["method"]) == (11.0, "mean")
    assert "quality" not in second
    assert last["return"] is None


def test_a_frame_has_a_row_for_each_variant(folder):
    frame = read_results(folder).to_frame()
    assert list(frame["Exploration.epsilon"]) == [0.2, 0.1, 0.3]
    assert list(frame["return"].fillna(0)) == [20.0, 11.0, 0.0]
    assert list(frame["finished"]) == [1, 2, 0]


def test_measures_and_segments_of_the_user_have_columns(folder):
    revenue = {"mean": 4.5, "standard_error": 0.1}
    young = {"episodes": 2, "return": revenue, "measures": {"revenue": revenue}}
    own = {"measures": {"revenue": revenue}, "segments": {"age_group": {"0": young}}}
    trial = folder.trials[5]
    finish(folder.files[trial.name], trial.config, 1.0, own=own)
    result = read_results(folder)
    write_files(folder.path, table_files(result))
    rows = read_csv(folder.path / "sweep.csv")
    names = ("revenue", "return/age_group=0", "revenue/age_group=0")
    assert [[row[name] for name in names] for row in (rows[0], rows[5])] == [[""] * 3, ["4.5"] * 3]
    last = json.loads((folder.path / "sweep.json").read_text())["variants"][2]
    assert [last[name] for name in names] == [4.5] * 3
    head, _, *variants = variants_table(result).splitlines()
    assert head.split()[-1] == "revenue"
    assert variants[2].split()[-1] == "4.50"


def test_the_summary_tells_failures_and_what_the_interval_is(folder):
    result = read_results(folder)
    write_files(folder.path, summary_files(result, "recsim-tf sweep"))
    page = read_page(folder.path / "summary.html")
    for name in ("curves.png", "returns.png"):
        assert (folder.path / name).read_bytes() in page.images
    for text in (
        "epsilon=0.2/seed-1 failed it | broke",
        "6 trials: 3 finished, 1 stopped early by the scheduler, 1 failed, 1 pend",
        "Student's t interval",
        "recsim-tf sweep",
    ):
        assert text in page.text
    assert page.headings == ["Variants", "Returns", "Trials without a result", "Again"]
    assert variants_table(result).splitlines()[2].split()[:3] == ["epsilon=0.2", "1/2", "20.00"]


def test_a_binding_that_no_finished_trial_used_is_told(folder):
    trial = folder.trials[5]
    finish(
        folder.files[trial.name],
        trial.config,
        1.0,
        used="recsim_tf.Exploration.epsilon = 0.3\nother/Adam.beta_1 = 0.8",
    )
    result = read_results(folder)
    assert without_effect(result) == ["Adam.beta_1"]
    assert "Had no effect, since no finished trial used it: Adam.beta_1." in variants_table(result)


def test_rows_come_once_though_a_run_that_goes_on_writes_them_again(tmp_path):
    files = TrialFiles(tmp_path, "base/seed-0", 20)
    assert files.metrics() == []
    files.run.mkdir(parents=True)
    (files.run / "metrics.jsonl").write_text(
        '{"iteration": 0}\n{"iteration": 10}\n{"iter\n{"iteration": 10}\n{"iteration": 20}\n{"it'
    )
    assert [row["iteration"] for row in files.metrics()] == [0, 10, 20]
    assert [row["iteration"] for row in files.metrics(after=10)] == [20]


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xe9", b'{"train": {"iterations": "all"}}'])
def test_damaged_results_are_told_and_the_trial_runs_again(folder, content):
    file = folder.files[folder.trials[0].name].run / "results.json"
    file.write_bytes(content)
    first, *others = read_results(folder).trials
    assert first.status == "failed"
    assert str(file) in first.error
    assert not folder.files[folder.trials[0].name].outcome().is_settled
    assert "finished" in {trial.status for trial in others}


def test_damaged_metrics_are_told_and_the_results_count(folder):
    file = folder.files[folder.trials[0].name].run / "metrics.jsonl"
    file.write_bytes(b'{"iteration": 0}\nnot JSON\n')
    first = read_results(folder).trials[0]
    assert (first.status, list(first.curve)) == ("finished", [])
    assert f"{file}, line 2 is damaged" in first.error


def test_an_outcome_that_is_damaged_does_not_settle_a_trial(folder):
    files = folder.files[folder.trials[-1].name]
    files.run.with_name(files.run.name + ".outcome.json").write_text('{"state": 1}')
    assert files.outcome().status == "failed"
    assert "outcome.json is damaged" in files.outcome().error
