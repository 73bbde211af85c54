import base64
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from recsim_tf.fitting import Parameter, ParameterEstimate, fit, from_trajectory
from recsim_tf.fitting.checks import recover
from recsim_tf.fitting.report import write_report
from recsim_tf.fitting.report.fit_sections import parameters, recovery
from recsim_tf.formats import fixed, number, signed
from tests.fitting.sessions import HAZARD, evolution, rollout, satisfaction

SECTIONS = ["summary", "parameters", "learning-curve", "choices", "calibration", "predictive"]
TRUTH = {"users.choice_model.no_click_mass": 1.0}


class Page(HTMLParser):
    """The tags, sections and text of a page; every tag must be closed."""

    VOID = ("meta", "img")

    def __init__(self, text: str):
        super().__init__()
        self.open, self.sections, self.words, self.images = [], [], [], []
        self.tags, self.addresses = set(), []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.add(tag)
        self.addresses += [value for name, value in attributes.items() if name in ("href", "src")]
        if tag == "section":
            self.sections.append(attributes["id"])
        if tag == "img":
            assert attributes["alt"]
            self.images.append(attributes["src"])
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="module")
def log():
    return from_trajectory(rollout(evolution(**HAZARD), 120, 20))


@pytest.fixture(scope="module")
def result(log):
    return fit(
        evolution(**HAZARD),
        {name: Parameter(1.5, "positive") for name in TRUTH},
        log,
        held_out=0.25,
        progress=False,
    )


@pytest.fixture(scope="module")
def written(result, log, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "fit.html"
    train, held_out = log.split(0.25)
    figures = write_report(
        path,
        result,
        train,
        held_out_log=held_out,
        truth=TRUTH,
        title="Fit <of> users & more",
        num_replicates=20,
    )
    return path, figures


def test_a_report_is_one_page_with_every_section_and_its_plots_inside(written):
    path, _ = written
    page = Page(path.read_text(encoding="utf-8"))
    assert page.sections == [*SECTIONS, "recovery"]
    assert not page.tags & {"script", "link", "iframe"}
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in page.addresses)
    # The search, the calibration, click rates, lengths, clicks, and engagement by session and by
    # step.
    assert len(page.images) == 7
    for image in page.images:
        assert base64.b64decode(
            image.removeprefix("data:image/png;base64,"), validate=True
        ).startswith(b"\x89PNG")
    assert page.text.count("Fit <of> users & more") == 2
    assert list(path.parent.iterdir()) == [path]


def test_a_report_says_what_was_fitted_and_what_the_checks_found(written, result):
    path, figures = written
    text = Page(path.read_text(encoding="utf-8")).text
    for piece in (
        "InterestEvolutionUsers",
        "sessions fitted 90",
        "sessions held out 30",
        "search converged",
        "held out from the fit",
    ):
        assert piece in text
    name = "users.choice_model.no_click_mass"
    assert f"{name} {float(result.estimates[name].value):#.4g}" in text
    assert signed(figures["choices"]["gain"]["value"]) in text
    assert fixed(figures["calibration"]["expected_error"]) in text


def test_figures_are_those_of_the_checks_as_json_takes_them(written):
    _, figures = written
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert figures["choices"]["held_out"]
    assert figures["choices"]["num_sessions"] == 30
    assert figures["choices"]["frequencies"]["value"] < figures["choices"]["model"]["value"] < 0
    assert figures["predictive"]["num_sessions"] == 90
    assert set(figures["predictive"]["statistics"]["session_length/mean"]) == {
        "observed",
        "predicted",
        "interval",
        "z_score",
        "p_value",
    }
    (recovered,) = figures["recovery"]
    assert recovered["parameter"] == "users.choice_model.no_click_mass"
    assert recovered["max_relative_error"] < 0.5


@pytest.mark.slow
def test_a_file_that_is_there_is_kept_unless_told_otherwise(written, result, log, tmp_path):
    path = tmp_path / "fit.html"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="path must be of a new file unless overwrite=True"):
        write_report(path, result, log, num_replicates=20)
    assert path.read_text() == "mine"
    write_report(path, result, log, num_replicates=20, overwrite=True)
    page = Page(path.read_text(encoding="utf-8"))
    assert page.sections == SECTIONS
    assert "none were held out" in page.text
    with pytest.raises(FileNotFoundError, match="path must be in a folder that exists"):
        write_report(tmp_path / "none" / "fit.html", result, log)


def test_a_report_says_why_choices_were_not_predicted(tmp_path):
    simulator = satisfaction(time_budget=4.0)
    log = from_trajectory(rollout(simulator, 40, 6))
    result = fit(simulator, {"users.choc_mean": Parameter()}, log, uncertainty=None, progress=False)
    figures = write_report(tmp_path / "fit.html", result, log, num_replicates=20)
    assert figures["choices"] is None
    text = Page((tmp_path / "fit.html").read_text(encoding="utf-8")).text
    assert text.count("Choices were not predicted: responses must be choices of a position") == 2


def test_large_parameters_are_summed_up_with_a_histogram():
    table = np.arange(60.0).reshape(20, 3)
    estimates = {
        "users.factors": ParameterEstimate(table, np.full_like(table, np.nan), table, table),
        "users.pair": ParameterEstimate(*(np.array([1.0, 2.0]),) * 4),
    }
    page = Page("\n".join(parameters(estimates, 0.95, {})))
    assert "users.pair[1] 2.000" in page.text
    assert "users.factors 20 by 3 0.000 29.50 59.00" in page.text
    assert "users.factors[" not in page.text
    assert len(page.images) == 1


def test_recovery_of_a_large_parameter_is_summed_up():
    truth = np.linspace(1, 2, 50)
    rows = recover(
        {"users.factors": truth},
        {
            "users.factors": ParameterEstimate(
                truth + 0.1, np.full(50, 0.1), truth - 0.1, truth + 0.3
            )
        },
    )
    page = Page("\n".join(recovery(rows)))
    assert "users.factors 50 0.1000 0.1000 0.1000 1.000 1.000 50 of 50" in page.text
    assert "[0]" not in page.text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\N{EN DASH}"),
        (float("nan"), "\N{EN DASH}"),
        (True, "yes"),
        (12345, "12,345"),
        (1.0, "1.000"),
        (-0.25, "\N{MINUS SIGN}0.2500"),
        (float("-inf"), "\N{MINUS SIGN}\N{INFINITY}"),
        ("a", "a"),
    ],
)
def test_numbers_are_set_as_in_print(value, text):
    assert number(value) == text


def test_signs_and_decimals_are_kept():
    assert signed(-0.001, 1) == "+0.0"
    assert signed(1234.5, 2) == "+1,234.50"
    assert fixed(-1.5, 2) == "\N{MINUS SIGN}1.50"
