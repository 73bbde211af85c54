"""The sections of a validation: five sentences, and a section for each."""

from collections.abc import Mapping
from typing import Any

from recsim_tf.fitting.checks.choices import Calibration
from recsim_tf.fitting.checks.predictive import PredictiveCheck
from recsim_tf.fitting.report import figures
from recsim_tf.fitting.validation.baselines import Prediction
from recsim_tf.fitting.validation.discriminator import Discrimination
from recsim_tf.fitting.validation.foretelling import Foretold
from recsim_tf.fitting.validation.order import Order
from recsim_tf.fitting.validation.validation import Finding, Validation
from recsim_tf.fitting.validation.verdicts import DOUBT, off_by
from recsim_tf.support.pages import Chart, Marked, Note, Part, Section, Table, page
from recsim_tf.support.plots import plot
from recsim_tf.support.tables import fixed, label, signed

_HALF, _WIDE = (5.4, 3.6), (9, 2.2)


def render(found: Validation, title: str) -> str:
    """The page as HTML. Raises an ImportError if matplotlib is not installed."""
    return page(title, sections(found), introduction(found))


def introduction(found: Validation) -> list[Part]:
    """Of which sessions it is asked, and the five answers."""
    which = "that the fit did not see" if found.is_held_out else "that the fit has seen"
    clicks = f" and {found.num_clicks:,} clicks" if found.predictions is not None else ""
    return [
        f"{found.num_sessions:,} sessions {which}, with {found.num_events:,} documents shown"
        f"{clicks}.",
        Table([_answer(each) for each in found.findings]),
    ]


def _answer(finding: Finding) -> dict[str, Any]:
    """The row of a question."""
    is_bad = finding.verdict == DOUBT
    verdict = Marked(finding.verdict) if is_bad else finding.verdict
    return {"question": finding.question, "answer": [verdict], "why": [finding.sentence]}


def sections(found: Validation) -> list[Section]:
    """A section for each question."""
    parts: list[list[Part]] = [
        [*_predictions(found.predictions), *_calibrations(found.calibrations)],
        _order(found.order),
        _predictive(found.alike),
        _discrimination(found.discrimination),
        _foretold(found.foretold),
    ]
    return [
        Section(finding.question, [f"{finding.verdict.capitalize()}. {finding.sentence}", *own])
        for finding, own in zip(found.findings, parts, strict=True)
    ]


def _predictions(predictions: Mapping[str, Prediction] | None) -> list[Part]:
    if predictions is None:
        return []
    rows = [
        {
            "": name,
            "nats a document shown": signed(each.nats.value),
            "gain of the model": None if name == "model" else signed(each.gain.value),
            "± standard error": None if name == "model" else fixed(each.gain.standard_error),
        }
        for name, each in predictions.items()
    ]
    note = (
        "Guesses learn from the sessions that the fit saw. Frequency knows the rates of positions;"
        " popularity the documents too; logistic regression and boosting what is known of document"
        " and user, and the user's past; the last one its order as well. Standard errors are"
        " between sessions. A model is trusted where no guess is better by more than 2 % of its"
        " nats."
    )
    return [Table(rows), Note(note)]


def _calibrations(calibrations: Mapping[str, Calibration]) -> list[Part]:
    """The reliability of click probabilities, and of what else is expected of a response."""
    parts: list[Part] = []
    for name, found in calibrations.items():
        words = f"Observed against predicted {label(name)}"
        caption = (
            f"{words}: means of {int(found.num_shown.sum()):,} values, in bins of about equal size,"
            " each predicted from what was logged before it. Mean distance from the diagonal"
            f" (expected calibration error): {fixed(found.expected_error)}; perfect predictions"
            f" would show about {fixed(found.noise)}."
        )
        drawn = plot(figures.calibration_plot, found, label(name), size=(5.4, 4.6))
        parts.append(Chart(drawn.png(), words, caption))
    return parts


def _order(order: Order | None) -> list[Part]:
    if order is None:
        return []
    rows = [
        {
            "": name,
            "gain of the dynamics, nats a step": signed(mean.value),
            "± standard error": fixed(mean.standard_error),
        }
        for name, mean in (("in order", order.gain), ("shuffled", order.shuffled))
    ]
    note = (
        "The gain is over the static self of the model, which learns who the user is, and forgets"
        " in which order they did what. Both are fitted again where the steps of each session are"
        " shuffled: a gain that stays there is none of order. Where a system reacts to its users,"
        " the order is the system's too."
    )
    return [Table(rows), Note(note)]


def _per_cent(part: float) -> str:
    return f"{signed(100 * part, 1)} %"


def _predictive(check: PredictiveCheck) -> list[Part]:
    """Simulated sessions beside logged ones."""
    intro = (
        f"The {check.num_sessions:,} sessions, simulated again {check.num_replicates:,}"
        " times at the estimates under the slates that were logged; responses, innovations and"
        " departures are drawn. The parameters' uncertainty is left out."
    )
    rows = []
    for name, statistic in check.statistics.items():
        low, high = statistic.interval
        row = {
            "": label(name),
            "log": statistic.observed,
            "predicted": statistic.predicted,
            "95 % from": low,
            "to": high,
            "off by": _per_cent(off_by(statistic.observed, statistic.predicted)),
            "z": signed(statistic.z_score, 1),
            "p": fixed(statistic.p_value, 3),
        }
        rows.append(row)
    note = (
        "p is two-sided, by Student's t; z is the distance from the prediction in standard"
        " deviations of the simulations. Of many statistics some have a small p by chance."
        f" {' '.join(check.notes)}"
    )
    return [intro, Table(rows), *_predictive_charts(check), Note(note)]


def _predictive_charts(check: PredictiveCheck) -> list[Chart]:
    return [
        Chart(plot(draw, size=_HALF).png(), words, words)
        for words, draw in figures.of_predictive(check).items()
    ]


def _discrimination(found: Discrimination | None) -> list[Part]:
    if found is None:
        return []
    rows = [
        {
            "": name,
            "area under the curve": fixed(area, 3),
            "± standard error": fixed(found.standard_error, 3) if number == 0 else None,
        }
        for number, (name, area) in enumerate(figures.areas(found).items())
    ]
    drawn = plot(figures.area_plot, found, size=_WIDE)
    note = (
        "Boosted trees look at lengths, clicks, runs and neighbours of whole sessions, in five"
        " folds, with a session and its simulations in one. An area of 0.5 is a guess; the grey"
        " band holds 95 % of guesses on so many sessions. The third row says what would be found:"
        " where it is near 0.5, so few clicks tell nothing. The"
        f" features that tell most: {', '.join(found.giveaways)}."
    )
    return [Table(rows), Chart(drawn.png(), "Areas under the curve"), Note(note)]


def _foretold(found: Foretold | None) -> list[Part]:
    if found is None:
        return []
    rows = [
        {
            "predicted clicks a document": f"{found.predicted:.3%}",
            "logged": f"{found.logged.value:.3%}",
            "± standard error": f"{found.logged.standard_error:.3%}",
            "z": signed(found.z_score, 1),
            "nats beyond the rate of the first 200 events there": signed(found.gain.value),
        }
    ]
    return [Table(rows)]
