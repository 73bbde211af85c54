# SPDX-License-Identifier: Apache-2.0
"""The sections of a report that are of the fit itself."""

from collections.abc import Mapping, Sequence

import numpy as np

from recsim_tf.fitting.estimates import ParameterEstimate, estimate_rows, named_elements
from recsim_tf.fitting.fit import FitResult
from recsim_tf.fitting.parameters.parameter import element
from recsim_tf.fitting.report import figures
from recsim_tf.fitting.report.recovery import Recovered, summarise
from recsim_tf.logs.log import Log
from recsim_tf.support.pages import Chart, Note, Part, Table
from recsim_tf.support.plots import plot
from recsim_tf.support.tables import fixed, label, signed

_MAX_RECOVERED = 40
_HALF, _WIDE = (5.4, 3.6), (9, 3.6)


def summary(result: FitResult, log: Log, held_out_log: Log | None) -> list[Part]:
    """The parameters, the log and the end of a fit."""
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
        "a step, of what users did": fixed(result.conditional_log_likelihood / log.num_steps),
        "a step, of what was known before": fixed(result.known_log_density / log.num_steps),
        "log-likelihood a step of the held-out sessions": fixed(result.held_out_log_likelihood),
        "held out, of what users did": fixed(result.held_out_conditional_log_likelihood),
        "held out, of what was known before": fixed(result.held_out_known_log_density),
    }
    return [
        Table([{"": name, "value": value} for name, value in values.items()]),
        Note(
            "The log-likelihood is that of everything that users drew. A part of it is the"
            " log-density of what the log knows of them before they respond: initial draws and"
            " innovations. The rest is of what users did, their responses and departures, given"
            " that. Compare models that differ in the distribution of a column by this rest."
        ),
        *(Note(sentence) for sentence in (result.of_draws, result.of_errors) if sentence),
    ]


def parameters(
    estimates: Mapping[str, ParameterEstimate],
    confidence: float,
    not_identified: Mapping[str, np.ndarray],
    at_edge: Mapping[str, np.ndarray],
) -> list[Part]:
    """Small parameters by element, large ones summed up with a histogram."""
    small, large = estimate_rows(estimates, not_identified, at_edge)
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
            plot(figures.parameter_histogram, name, estimates[name].value, size=_HALF).png(),
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
    drawn = plot(figures.learning_curve, result.history, result.search.step_name, size=_WIDE)
    return [Chart(drawn.png(), "Log-likelihood a step through the search")]


def recovery(rows: Sequence[Recovered]) -> list[Part]:
    """Estimates beside the truth: few by element, and parameters of several elements summed up."""
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
    for summary_row in summarise(rows):
        covered, intervals = summary_row.pop("covered"), summary_row.pop("intervals")
        summary_row["in_the_interval"] = f"{covered:,} of {intervals:,}" if intervals else None
        if summary_row["num_estimates"] > 1:
            several.append({label(name): value for name, value in summary_row.items()})
    note = (
        "z is the error in standard errors; over many parameters its root mean square is about 1"
        " where standard errors are right."
    )
    return [Table(single), Table(several), Note(note)]
