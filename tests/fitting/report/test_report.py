# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest

from recsim_tf.fitting import Exact, Parameter, fit, plot
from recsim_tf.fitting.estimates import ParameterEstimate
from recsim_tf.fitting.report import write_report
from recsim_tf.fitting.report.recovery import recover
from recsim_tf.fitting.report.sections import parameters, recovery
from recsim_tf.fitting.saving.models import LoadedModel
from recsim_tf.logs import from_trajectory
from recsim_tf.support.tables import fixed, signed
from tests.fitting.sessions import HAZARD, evolution, rollout, satisfaction
from tests.refusals import assert_refused
from tests.web_page import read_page

SECTIONS = [
    *("How far to trust it", "Summary", "Parameters", "Learning curve"),
    *("Does it predict?", "Does it know order?", "Does it look alike?"),
    *(
        "Can a classifier tell simulated from logged sessions?",
        "Does it offer the documents of the log?",
        "Does it generalise to sessions it was not fitted to?",
    ),
    "Is what is chosen by it better?",
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
    options = {"truth": {NAME: 1.0}, "title": "Fit <of> users & more"}
    return path, write_report(path, result, train, held_out_log=held_out, **options)


@pytest.mark.slow
def test_a_report_says_what_was_fitted_and_what_the_checks_found(written, result):
    path, figures = written
    page = read_page(path)
    assert page.title == "Fit <of> users & more"
    assert page.headings == [*SECTIONS[:4], "Recovery of known parameters", *SECTIONS[4:]]
    for piece in (
        "InterestEvolutionUsers",
        "sessions fitted 90",
        "sessions held out 30",
        "search converged",
        "30 sessions that the fit did not see",
        "30 sessions with",
        f"{NAME} {float(result.estimates[NAME].value):#.4g}",
        signed(figures["predicts"]["scores"]["frequency"]["gain"]["value"]),
        fixed(figures["predicts"]["calibrations"]["click probability"]["expected_error"]),
    ):
        assert piece in page.text
    # Search, calibration, click rates, lengths, clicks and engagement by step.
    assert len(page.images) == 6
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.slow
def test_figures_are_those_of_the_checks_as_json_takes_them(written):
    _, figures = written
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert (figures["is_held_out"], figures["num_sessions"]) == (True, 30)
    nats = {name: each["nats"]["value"] for name, each in figures["predicts"]["scores"].items()}
    assert nats["frequency"] < nats["model"] < 0
    statistic = figures["reproduces"]["session_length/mean"]
    names = {"observed", "predicted", "interval", "z_score", "p_value", "off_by"}
    assert set(statistic) == names
    (recovered,) = figures["recovery"]
    assert recovered["parameter"] == NAME
    assert recovered["max_relative_error"] < 0.5


@pytest.mark.slow
def test_a_file_that_is_there_is_kept_unless_told_otherwise(result, log, tmp_path):
    path = tmp_path / "fit.html"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="path must be of a new file unless overwrite=True"):
        write_report(path, result, log)
    assert path.read_text() == "mine"
    pages = []
    for _ in range(2):
        write_report(path, result, log, overwrite=True)
        pages.append(path.read_bytes())
    assert pages[0] == pages[1]
    page = read_page(path)
    assert page.headings == SECTIONS
    assert "60 sessions that the fit has seen" in page.text
    with pytest.raises(FileNotFoundError, match="path must be in a folder that exists"):
        write_report(tmp_path / "none" / "fit.html", result, log)


@pytest.mark.slow
def test_a_report_of_responses_without_clicks_says_so(tmp_path):
    simulator = satisfaction(time_budget=4.0)
    log = from_trajectory(rollout(simulator, 120, 6))
    result = fit(simulator, {"users.choc_mean": Parameter()}, log, method=Exact(uncertainty=None))
    figures = write_report(tmp_path / "fit.html", result, log)
    assert figures["predicts"]["scores"] is None
    engagement = figures["predicts"]["calibrations"]["response"]
    assert engagement["expected_error"] < 3 * engagement["noise"]
    assert figures["classifier"]["auc"] < 0.6
    text = read_page(tmp_path / "fit.html").text
    assert text.count("Cannot tell. These responses have no clicks.") == 3


@pytest.mark.slow
def test_a_fit_is_a_frame_a_table_and_a_figure_of_a_notebook(result):
    (row,) = result.to_frame().to_dict("records")
    estimate = result.estimates[NAME]
    assert row == {
        "parameter": NAME,
        "estimate": estimate.value,
        "standard error": estimate.standard_error,
        "interval from": estimate.low,
        "interval to": estimate.high,
        "identified": True,
        "at the edge": False,
        "note": "",
    }
    html = result._repr_html_()
    assert f"<caption>Fit: {result.ending}; 95% intervals</caption>" in html
    assert f">{NAME}</td>" in html
    (axes,) = plot(result).axes
    assert axes.get_ylabel() == "log-likelihood a step (nats)"
    with pytest.raises(ValueError, match="the search must not end before its first pass is over"):
        plot(result._replace(history=[]))


@pytest.mark.slow
def test_a_report_and_a_figure_of_another_object_are_refused_at_once(result, log, tmp_path):
    loaded = LoadedModel(result.simulator, result.estimates, {}, {})
    message = "result must be a FitResult, got LoadedModel"
    assert_refused(lambda: write_report(tmp_path / "fit.html", loaded, log), message)
    assert_refused(
        lambda: write_report(loaded, tmp_path, log), "path must be a string or a path, got"
    )
    assert not list(tmp_path.iterdir())
    message = "result must be a FitResult or a Validation, got LoadedModel"
    assert_refused(lambda: plot(loaded), message)


def test_large_parameters_are_summed_up_with_a_histogram():
    table = np.arange(60.0).reshape(20, 3)
    estimates = {
        "users.factors": ParameterEstimate(table, np.full_like(table, np.nan), table, table),
        "users.pair": ParameterEstimate(*(np.array([1.0, 2.0]),) * 4),
    }
    small, large, histogram, _ = parameters(estimates, 0.95, {}, {})
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
