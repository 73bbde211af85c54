"""The page of a validation: five sentences, and a section for each."""

from typing import Any

import numpy as np

from recsim_tf.fitting.report.sections import predictive
from recsim_tf.fitting.validation.discriminator import Discrimination
from recsim_tf.fitting.validation.foretelling import Foretold
from recsim_tf.fitting.validation.order import Order
from recsim_tf.fitting.validation.validation import CHANCE, Prediction, Validation, off_by
from recsim_tf.support.pages import Chart, Note, Part, Section, Table, page
from recsim_tf.support.plots import png
from recsim_tf.support.tables import fixed, label, signed

_HALF = (5.4, 3.6)


def render(found: Validation, title: str) -> str:
    """The page as HTML. Raises an ImportError if matplotlib is not installed."""
    findings = found.findings
    introduction: list[Part] = [
        f"{found.num_sessions:,} sessions that the fit did not see, with {found.num_events:,}"
        f" documents shown and {found.num_clicks:,} clicks.",
        *(f"{each.question} {each.verdict.capitalize()}. {each.sentence}" for each in findings),
    ]
    parts: list[list[Part]] = [
        _predictions(found.predictions),
        _order(found.order),
        [*_gaps(found), *predictive(found.alike)],
        _discrimination(found.discrimination),
        _foretold(found.foretold),
    ]
    sections = [
        Section(finding.question, [f"{finding.verdict.capitalize()}. {finding.sentence}", *own])
        for finding, own in zip(findings, parts, strict=True)
    ]
    return page(title, sections, introduction)


def _predictions(predictions: dict[str, Prediction]) -> list[Part]:
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


def _gaps(found: Validation) -> list[Part]:
    """How far statistics are off, in per cent, where chance does not explain it."""
    statistics = found.alike.statistics
    gaps = {
        name: off_by(each.observed, each.predicted)
        for name, each in statistics.items()
        if abs(each.z_score) > CHANCE
    }
    worst = sorted(gaps, key=lambda name: -abs(gaps[name]))[:5]
    words = ", ".join(
        f"{label(name)} {gaps[name]:+.1%}" for name in worst if np.isfinite(gaps[name])
    )
    return [f"Furthest off: {words}."] if words else []


def _discrimination(found: Discrimination) -> list[Part]:
    values = {
        "log against simulations": (found.auc, found.standard_error),
        "one simulation against another": (found.auc_null, None),
        "log against simulations with twice the odds of a click": (found.auc_power, None),
    }
    rows = [
        {
            "": name,
            "area under the curve": fixed(area, 3),
            "± standard error": None if error is None else fixed(error, 3),
        }
        for name, (area, error) in values.items()
    ]
    drawn = png(_areas, {name: area for name, (area, _) in values.items()}, size=_HALF)
    note = (
        "Boosted trees look at lengths, clicks, runs and neighbours of whole sessions, in five"
        " folds, with a session and its simulations in one. An area of 0.5 is a guess. The third"
        " row says what would be found: where it is near 0.5, so few clicks tell nothing. The"
        f" features that tell most: {', '.join(found.giveaways)}."
    )
    return [Table(rows), Chart(drawn, "Areas under the curve"), Note(note)]


def _areas(axes: Any, areas: dict[str, float]) -> None:
    axes.barh(list(areas)[::-1], list(areas.values())[::-1], color=["C7", "C7", "C0"])
    axes.axvline(0.5, color="black", linewidth=1)
    axes.set_xlim(0.4, 1.0)
    axes.set_xlabel("area under the curve")


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
