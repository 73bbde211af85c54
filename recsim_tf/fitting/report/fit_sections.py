"""The sections of a report about the fit itself."""

from collections.abc import Mapping, Sequence

import numpy as np

from recsim_tf.fitting.checks import Recovered, summarise
from recsim_tf.fitting.estimate.estimates import ParameterEstimate, named_elements
from recsim_tf.fitting.estimate.fit import FitResult
from recsim_tf.fitting.logs.session_log import SessionLog
from recsim_tf.fitting.parameters.parameter import element
from recsim_tf.fitting.report import figures
from recsim_tf.formats import fixed, signed
from recsim_tf.pages import paragraph, plot, plots, table

# Larger parameters are summed up.
_MAX_ELEMENTS = 20
_MAX_RECOVERED = 40
_NOT_IDENTIFIED = "not identified"


def summary(result: FitResult, log: SessionLog, held_out_log: SessionLog | None) -> list[str]:
    """What was fitted to what, and how it went."""
    simulator = result.simulator
    num_elements = sum(int(np.size(estimate.value)) for estimate in result.estimates.values())
    rows = [
        ("user model", type(simulator.users).__name__),
        ("document model", type(simulator.documents).__name__),
        ("slate size", log.slate_size),
        ("sessions fitted", log.num_sessions),
        ("steps fitted", log.num_steps),
        (
            "steps of a session: median, largest",
            f"{np.median(log.length):,.0f}, {log.max_length:,}",
        ),
        ("sessions that end because the user leaves", f"{np.mean(log.departed):.1%}"),
        ("sessions held out", None if held_out_log is None else held_out_log.num_sessions),
        ("parameters fitted", len(result.estimates)),
        ("numbers in them", num_elements),
        ("not identified", ", ".join(named_elements(result.not_identified)) or None),
        ("search", result.ending),
        ("log-likelihood of the fitted sessions", fixed(result.log_likelihood, 2)),
        ("the same a step", fixed(result.log_likelihood / log.num_steps)),
        ("log-likelihood a step of the held-out sessions", fixed(result.held_out_log_likelihood)),
    ]
    note = (
        "The log-likelihood is that of everything that users drew: responses, innovations and"
        " departures."
    )
    return [table(["", "value"], rows), paragraph(note, note=True)]


def parameters(
    estimates: Mapping[str, ParameterEstimate],
    confidence: float,
    not_identified: Mapping[str, np.ndarray],
) -> list[str]:
    """Small parameters by element, large ones summed up with a histogram."""
    rows: list[tuple] = []
    large = {}
    for name, estimate in estimates.items():
        if np.size(estimate.value) > _MAX_ELEMENTS:
            large[name] = estimate
            continue
        unknown = not_identified.get(name, np.zeros(np.shape(estimate.value), bool))
        for index in np.ndindex(np.shape(estimate.value)):
            value, error, low, high = (float(np.asarray(field)[index]) for field in estimate)
            shown = _NOT_IDENTIFIED if unknown[index] else error
            rows.append((element(name, index), value, shown, low, high))
    parts = []
    if rows:
        parts.append(
            table(["parameter", "estimate", "standard error", "interval from", "to"], rows)
        )
    if large:
        columns = [
            "parameter",
            "shape",
            "smallest",
            "mean",
            "largest",
            "standard deviation",
            "mean standard error",
        ]
        parts.append(
            table(columns, [_summed_up(name, estimate) for name, estimate in large.items()])
        )
        images = {
            name: figures.parameter_histogram(name, estimate.value)
            for name, estimate in large.items()
        }
        parts.append(
            plots(
                [
                    plot(png, f"Histogram of {name}", f"{name}: values of its elements.")
                    for name, png in images.items()
                ]
            )
        )
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
    return [*parts, paragraph(note, note=True)]


def learning_curve(result: FitResult) -> list[str]:
    """The search."""
    if not result.history:
        return [paragraph("The search ended before its first pass was over.")]
    png = figures.learning_curve(result.history, result.search.step_name)
    return [
        plot(
            png,
            "Log-likelihood a step through the search",
            "Log-likelihood a step through the best of the fit's searches.",
        )
    ]


def recovery(rows: Sequence[Recovered]) -> list[str]:
    """Estimates beside the truth: by element where there are few, and by parameter where that has
    several.
    """
    parts = []
    if len(rows) <= _MAX_RECOVERED:
        columns = [
            "parameter",
            "truth",
            "estimate",
            "standard error",
            "relative error",
            "z",
            "in the interval",
        ]
        parts.append(table(columns, [_recovered(row) for row in rows]))
    several = [found for found in summarise(rows) if found.num_estimates > 1]
    if several:
        columns = [
            "parameter",
            "estimates",
            "mean error",
            "r.m.s. error",
            "mean standard error",
            "mean z",
            "r.m.s. z",
            "in the interval",
        ]
        summaries = [
            (
                *(found.parameter, found.num_estimates, found.mean_error, found.rms_error),
                *(found.mean_standard_error, found.mean_z_score, found.rms_z_score),
                f"{found.covered:,} of {found.intervals:,}" if found.intervals else None,
            )
            for found in several
        ]
        parts.append(table(columns, summaries))
    note = (
        "z is the error in standard errors; over many parameters its root mean square is about 1"
        " where standard errors are right."
    )
    return [*parts, paragraph(note, note=True)]


def _summed_up(name: str, estimate: ParameterEstimate) -> tuple:
    value, error = (
        np.asarray(estimate.value, np.float64),
        np.asarray(estimate.standard_error, np.float64),
    )
    shape = " by ".join(f"{size:,}" for size in value.shape)
    known = error[~np.isnan(error)]
    mean_error = known.mean() if known.size else np.nan
    return (
        name,
        shape,
        *map(float, (value.min(), value.mean(), value.max(), value.std(), mean_error)),
    )


def _recovered(row: Recovered) -> tuple:
    error = None if np.isnan(row.relative_error) else f"{signed(100 * row.relative_error, 2)} %"
    return (
        element(row.parameter, row.element),
        row.truth,
        row.estimate,
        row.standard_error,
        error,
        signed(row.z_score, 2),
        row.covered,
    )
