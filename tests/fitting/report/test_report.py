import json

import numpy as np
import pytest

from recsim_tf.fitting import Parameter, fit, from_trajectory
from recsim_tf.fitting.checks.recovery import recover
from recsim_tf.fitting.estimate.estimates import ParameterEstimate
from recsim_tf.fitting.report import write_report
from recsim_tf.fitting.report.sections import parameters, recovery
from recsim_tf.support.tables import fixed, signed
from tests.fitting.sessions import HAZARD, evolution, rollout, satisfaction
from tests.web_page import read_page

SECTIONS = [
    *("Summary", "Parameters", "Learning curve", "Predicted choices", "Calibration"),
    "Posterior-predictive checks",
]
NAME = "users.choice_model.no_click_mass"


@pytest.fixture(scope="module")
def log():
    return from_trajectory(rollout(evolution(**HAZARD), 120, 20))


@pytest.fixture(scope="module")
def result(log):
    start = {NAME: Parameter(1.5, "positive")}
    return fit(evolution(**HAZARD), start, log, held_out=0.25)


@pytest.fixture(scope="module")
def written(result, log, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "fit.html"
    train, held_out = log.split(0.25)
    options = {"truth": {NAME: 1.0}, "title": "Fit <of> users & more", "num_replicates": 20}
    return path, write_report(path, result, train, held_out_log=held_out, **options)


def test_a_report_says_what_was_fitted_and_what_the_checks_found(written, result):
    path, figures = written
    page = read_page(path)
    assert page.title == "Fit <of> users & more"
    assert page.headings == [*SECTIONS, "Recovery of known parameters"]
    for piece in (
        "InterestEvolutionUsers",
        "sessions fitted 90",
        "sessions held out 30",
        "search converged",
        "held out from the fit",
        f"{NAME} {float(result.estimates[NAME].value):#.4g}",
        signed(figures["choices"]["gain"]["value"]),
        fixed(figures["calibration"]["expected_error"]),
    ):
        assert piece in page.text
    # Search, calibration, click rates, lengths, clicks, engagement by session and by step.
    assert len(page.images) == 7
    assert list(path.parent.iterdir()) == [path]


def test_figures_are_those_of_the_checks_as_json_takes_them(written):
    _, figures = written
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    choices = figures["choices"]
    assert (choices["held_out"], choices["num_sessions"]) == (True, 30)
    assert choices["frequencies"]["value"] < choices["model"]["value"] < 0
    assert figures["predictive"]["num_sessions"] == 90
    statistic = figures["predictive"]["statistics"]["session_length/mean"]
    assert set(statistic) == {"observed", "predicted", "interval", "z_score", "p_value"}
    (recovered,) = figures["recovery"]
    assert recovered["parameter"] == NAME
    assert recovered["max_relative_error"] < 0.5


@pytest.mark.slow
def test_a_file_that_is_there_is_kept_unless_told_otherwise(result, log, tmp_path):
    path = tmp_path / "fit.html"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="path must be of a new file unless overwrite=True"):
        write_report(path, result, log, num_replicates=20)
    assert path.read_text() == "mine"
    pages = []
    for _ in range(2):
        write_report(path, result, log, num_replicates=20, overwrite=True)
        pages.append(path.read_bytes())
    assert pages[0] == pages[1]
    page = read_page(path)
    assert page.headings == SECTIONS
    assert "none were held out" in page.text
    with pytest.raises(FileNotFoundError, match="path must be in a folder that exists"):
        write_report(tmp_path / "none" / "fit.html", result, log)


def test_a_report_says_why_choices_were_not_predicted(tmp_path):
    simulator = satisfaction(time_budget=4.0)
    log = from_trajectory(rollout(simulator, 40, 6))
    result = fit(simulator, {"users.choc_mean": Parameter()}, log, uncertainty=None)
    figures = write_report(tmp_path / "fit.html", result, log, num_replicates=20)
    assert figures["choices"] is None
    text = read_page(tmp_path / "fit.html").text
    assert text.count("Choices were not predicted: responses must be choices of a position") == 2


def test_large_parameters_are_summed_up_with_a_histogram():
    table = np.arange(60.0).reshape(20, 3)
    estimates = {
        "users.factors": ParameterEstimate(table, np.full_like(table, np.nan), table, table),
        "users.pair": ParameterEstimate(*(np.array([1.0, 2.0]),) * 4),
    }
    small, large, histogram, _ = parameters(estimates, 0.95, {})
    assert [row["parameter"] for row in small.rows] == ["users.pair[0]", "users.pair[1]"]
    assert list(large.rows[0].values())[:5] == ["users.factors", "20 by 3", 0.0, 29.5, 59.0]
    assert histogram.words == "Histogram of users.factors"


def test_recovery_of_a_large_parameter_is_summed_up():
    truth = np.linspace(1, 2, 50)
    estimate = ParameterEstimate(truth + 0.1, np.full(50, 0.1), truth - 0.1, truth + 0.3)
    single, several, _ = recovery(recover({"users.factors": truth}, {"users.factors": estimate}))
    assert not single.rows
    (row,) = several.rows
    assert (row["parameter"], row["num estimates"]) == ("users.factors", 50)
    assert (row["mean error"], row["in the interval"]) == (pytest.approx(0.1), "50 of 50")
