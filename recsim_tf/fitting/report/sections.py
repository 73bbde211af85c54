"""The sections of a report: the fit, and what its checks found."""

from collections.abc import Mapping, Sequence

import numpy as np

from recsim_tf.fitting.checks.fit_checks import FitChecks, Recovered, summarise
from recsim_tf.fitting.checks.predictive import PredictiveCheck
from recsim_tf.fitting.estimate.estimates import ParameterEstimate, estimate_rows, named_elements
from recsim_tf.fitting.estimate.fit import FitResult
from recsim_tf.fitting.logs.session_log import SessionLog
from recsim_tf.fitting.parameters.parameter import element
from recsim_tf.fitting.report import figures
from recsim_tf.support.pages import Chart, Note, Part, Table
from recsim_tf.support.plots import png
from recsim_tf.support.tables import fixed, label, signed

_MAX_RECOVERED = 40
_SMALL_P = 0.05
_HALF, _WIDE = (5.4, 3.6), (9, 3.6)
_QUANTITIES = {
    "clicks_per_session": "clicks of a session",
    "engagement_per_session": "engagement of a session (sum of rewards)",
    "engagement_per_step": "engagement of a step (reward)",
}


def summary(result: FitResult, log: SessionLog, held_out_log: SessionLog | None) -> list[Part]:
    """What was fitted to what, and how it went."""
    simulator = result.simulator
    values = {
        "user model": type(simulator.users).__name__,
        "document model": type(simulator.documents).__name__,
        "slate size": log.slate_size,
        "sessions fitted": log.num_sessions,
        "steps fitted": log.num_steps,
        "steps of a session: median, largest": f"{np.median(log.length):,.0f}, {log.max_length:,}",
        "sessions that end because the user leaves": f"{np.mean(log.departed):.1%}",
        "sessions held out": None if held_out_log is None else held_out_log.num_sessions,
        "parameters fitted": len(result.estimates),
        "numbers in them": sum(int(np.size(each.value)) for each in result.estimates.values()),
        "not identified": ", ".join(named_elements(result.not_identified)) or None,
        "what the log lacks": result.latents or None,
        "search": result.ending,
        "log-likelihood of the fitted sessions": fixed(result.log_likelihood, 2),
        "the same a step": fixed(result.log_likelihood / log.num_steps),
        "log-likelihood a step of the held-out sessions": fixed(result.held_out_log_likelihood),
    }
    return [
        Table([{"": name, "value": value} for name, value in values.items()]),
        Note(
            "The log-likelihood is that of everything that users drew: responses, innovations and"
            " departures."
        ),
    ]


def findings(checks: FitChecks) -> list[Part]:
    """The checks in one paragraph each."""
    found: list[Part] = []
    if checks.choices is not None:
        gain = checks.choices.gain
        found.append(
            f"Choices: on {'held-out' if checks.choices_are_held_out else 'fitted'} sessions the"
            f" model's log-likelihood a step is {signed(gain.value)} ± {fixed(gain.standard_error)}"
            " nats from that of the click frequencies of the positions."
        )
    for name, each in checks.calibrations.items():
        found.append(
            f"Calibration: predictions of {label(name)} are off by {fixed(each.expected_error)} on"
            f" average; perfect ones would be by about {fixed(each.noise)}."
        )
    statistics = checks.predictive.statistics
    small = sum(statistic.p_value < _SMALL_P for statistic in statistics.values())
    worst = max(statistics, key=lambda name: abs(statistics[name].z_score))
    found.append(
        f"Posterior-predictive checks: {small} of {len(statistics)} statistics have p < {_SMALL_P},"
        f" where chance alone gives about {_SMALL_P * len(statistics):.1f}. The furthest from its"
        f" prediction is {label(worst)}, z = {signed(statistics[worst].z_score, 1)}."
    )
    return found


def parameters(
    estimates: Mapping[str, ParameterEstimate],
    confidence: float,
    not_identified: Mapping[str, np.ndarray],
) -> list[Part]:
    """Small parameters by element, large ones summed up with a histogram."""
    small, large = estimate_rows(estimates, not_identified)
    note = (
        "Standard errors are those of the observed information or of a posterior, where there are"
        f" any. Intervals: {confidence:.0%}."
    )
    if not_identified:
        note += (
            f" Not identified: {', '.join(named_elements(not_identified))}. The log says nothing of"
            " these, alone or together with each other; their estimates are where the search came"
            " to."
        )
    histograms = [
        Chart(
            png(figures.parameter_histogram, name, estimates[name].value, size=_HALF),
            f"Histogram of {name}",
            f"{name}: values of its elements.",
        )
        for name in (row["parameter"] for row in large)
    ]
    return [Table(small), Table(large), *histograms, Note(note)]


def learning_curve(result: FitResult) -> list[Part]:
    """The search."""
    if not result.history:
        return ["The search ended before its first pass was over."]
    drawn = png(figures.learning_curve, result.history, result.search.step_name, size=_WIDE)
    return [Chart(drawn, "Log-likelihood a step through the search")]


def choices(checks: FitChecks) -> list[Part]:
    """Log-likelihoods beside those of guesses."""
    scores = checks.choices
    if scores is None:
        return [_unpredictable(checks)]
    held_out = (
        "held out from the fit"
        if checks.choices_are_held_out
        else "those of the fit; none were held out"
    )
    means = {
        "fitted model": scores.model,
        "click frequencies of the positions": scores.frequencies,
        "all outcomes alike": scores.uniform,
        "fitted model beyond the frequencies": scores.gain,
    }
    rows = [
        {
            "": name,
            "log-likelihood a step (nats)": signed(mean.value),
            "standard error": fixed(mean.standard_error),
        }
        for name, mean in means.items()
    ]
    parts: list[Part] = [
        f"{scores.num_sessions:,} sessions of {scores.num_steps:,} steps, {held_out}. Each response"
        " is predicted from all that was logged before it.",
        Table(rows),
    ]
    if scores.hit_rate is not None:
        hits, error = scores.hit_rate
        parts.append(
            f"The likeliest of the outcomes, “no click” among them, came in {hits:.2%} ±"
            f" {error:.2%} of the steps."
        )
    if scores.impossible:
        parts.append(
            f"The model takes the responses of {scores.impossible:,} steps for impossible."
        )
    note = (
        "Standard errors are between sessions. The frequencies are those of these same sessions,"
        " which gives them an advantage."
    )
    return [*parts, Note(note)]


def calibration(checks: FitChecks) -> list[Part]:
    """The reliability of click probabilities, and of what else is expected of a response."""
    parts: list[Part] = [_unpredictable(checks)] if checks.unpredictable else []
    for name, found in checks.calibrations.items():
        words = f"Observed against predicted {label(name)}"
        caption = (
            f"{words}: means of {int(found.num_shown.sum()):,} values, in bins of about equal size,"
            " each predicted from what was logged before it. Mean distance from the diagonal"
            f" (expected calibration error): {fixed(found.expected_error)}; perfect predictions"
            f" would show about {fixed(found.noise)}."
        )
        drawn = png(figures.calibration_plot, found, label(name), size=(5.4, 4.6))
        parts.append(Chart(drawn, words, caption))
    return parts


def predictive(check: PredictiveCheck) -> list[Part]:
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
    charts = []
    if any(name.startswith("click_rate/") for name in check.statistics):
        drawn = png(figures.click_rate_plot, check, size=_HALF)
        charts.append(Chart(drawn, "Click rates by position", "Click rates by position."))
    for name, histogram in check.histograms.items():
        if name == "session_length":
            drawn = png(figures.survival_plot, histogram, size=_HALF)
            words = "Session lengths: the share that reaches each step."
        else:
            quantity = _QUANTITIES.get(name, label(name))
            drawn = png(figures.histogram_plot, quantity, histogram, size=_HALF)
            words = f"Distribution of the {quantity}."
        charts.append(Chart(drawn, words, words))
    return charts


def recovery(rows: Sequence[Recovered]) -> list[Part]:
    """Estimates beside the truth: by element where there are few, and by parameter where that has
    several.
    """
    single = [
        {
            "parameter": element(row.parameter, row.element),
            "truth": row.truth,
            "estimate": row.estimate,
            "standard error": row.standard_error,
            "relative error": (
                None if np.isnan(row.relative_error) else f"{signed(100 * row.relative_error, 2)} %"
            ),
            "z": signed(row.z_score, 2),
            "in the interval": row.covered,
        }
        for row in (rows if len(rows) <= _MAX_RECOVERED else ())
    ]
    several = []
    for found in summarise(rows):
        covered, intervals = found.pop("covered"), found.pop("intervals")
        found["in_the_interval"] = f"{covered:,} of {intervals:,}" if intervals else None
        if found["num_estimates"] > 1:
            several.append({label(name): value for name, value in found.items()})
    note = (
        "z is the error in standard errors; over many parameters its root mean square is about 1"
        " where standard errors are right."
    )
    return [Table(single), Table(several), Note(note)]


def _unpredictable(checks: FitChecks) -> str:
    return f"Choices were not predicted: {checks.unpredictable}."
