# SPDX-License-Identifier: Apache-2.0
"""The summary of a sweep: the table on the screen, the sections of its report, and its charts."""

from collections.abc import Sequence
from typing import Any

from recsim_tf.experiment.sweeps.plan import GIN_FILE
from recsim_tf.experiment.sweeps.results import (
    METHODS,
    SweepResult,
    VariantResult,
    interval_estimate,
)
from recsim_tf.experiment.sweeps.trial import FAILED, FINISHED, PENDING, STOPPED
from recsim_tf.support.pages import Chart, Code, Note, Part, Section, Table, page
from recsim_tf.support.plots import Curve, Estimate, colours, draw_curves, draw_estimates, plot
from recsim_tf.support.tables import label, text_table

_LONGEST_LABEL = 60
# Digits of measures in the table, 2 of others.
_DIGITS = {"click_rate": 4, "quality": 3}


def variants_table(result: SweepResult) -> str:
    """The variants, the best first, as text."""
    return "\n".join([text_table(_rows(result)), *notes(result)])


def notes(result: SweepResult) -> list[str]:
    """Notes to the table, a line each."""
    methods = {
        variant.estimate.method for variant in result.variants if variant.estimate is not None
    }
    lines = [f"{method}: {words}." for method, words in METHODS.items() if method in methods]
    if result.baselines:
        lines.append(
            "Other policies:"
            f" {', '.join(f'{name} {value:.2f}' for name, value in result.baselines.items())}."
        )
    idle = without_effect(result)
    if idle:
        lines.append(f"Had no effect, since no finished trial used it: {', '.join(idle)}.")
    return lines


def counts(result: SweepResult) -> str:
    """The number of trials of each status, in words."""
    statuses = [trial.status for trial in result.trials]
    words = {
        FINISHED: "finished",
        STOPPED: "stopped early by the scheduler",
        FAILED: "failed",
        PENDING: "pending",
    }
    parts = [
        f"{statuses.count(status)} {word}" for status, word in words.items() if status in statuses
    ]
    return f"{len(statuses)} trials: {', '.join(parts)}"


def without_effect(result: SweepResult) -> list[str]:
    """Swept bindings that no finished trial used, by the trials' operative configurations."""
    idle = []
    for name in result.swept:
        texts = [
            trial.operative
            for trial in result.trials
            if trial.status == FINISHED and name in trial.trial.variant.bindings
        ]
        if name != GIN_FILE and texts and not any(_mentions(text, name) for text in texts):
            idle.append(name)
    return idle


def summary_files(result: SweepResult, command: str) -> dict[str, Any]:
    """Contents of the files summary.html, and of its charts curves.png and returns.png; the page
    holds the command that runs the sweep.
    """
    charts = _charts(result)
    variants: list[Part] = [f"{counts(result)}.", Table(_rows(result)), *map(Note, notes(result))]
    without_result = [
        {"trial": trial.trial.name, "status": trial.status, "error": [trial.error]}
        for trial in result.trials
        if trial.status != FINISHED
    ]
    again = [
        Code(command),
        "It runs trials that failed or are pending, and no others. sweep.csv has a row for"
        " each trial.",
    ]
    sections = [Section("Variants", variants)]
    if charts:
        sections.append(Section("Returns", list(charts.values())))
    if without_result:
        sections.append(Section("Trials without a result", [Table(without_result)]))
    images = {file: chart.png for file, chart in charts.items()}
    return {**images, "summary.html": page("Sweep", [*sections, Section("Again", again)])}


def _rows(result: SweepResult) -> list[dict[str, str]]:
    """A row for each variant, with the columns of the table."""
    shown = [name for name in result.shown if name not in result.segments]
    return [_row(variant, shown) for variant in result.variants]


def _row(variant: VariantResult, measures: Sequence[str]) -> dict[str, str]:
    estimate = variant.estimate

    def mean(measure: str) -> str:
        value = variant.mean(measure)
        return "" if value is None else f"{value:.{_DIGITS.get(measure, 2)}f}"

    return {
        "variant": variant.variant.label,
        "seeds": f"{len(variant.finished)}/{variant.num_trials}",
        "return": "" if estimate is None else f"{estimate.value:.2f}",
        "95% interval": "" if estimate is None else f"[{estimate.low:.2f}, {estimate.high:.2f}]",
        "statistic": "" if estimate is None else estimate.method,
        **{label(measure): mean(measure) for measure in measures},
    }


def _mentions(text: str, name: str) -> bool:
    """True if an operative configuration has a binding; either name may contain the module."""
    scope, _, rest = name.rpartition("/")
    for line in text.splitlines():
        used, equals, _ = line.partition(" =")
        used_scope, _, used_rest = used.rpartition("/")
        if (
            equals
            and used_scope == scope
            and (f".{used_rest}".endswith(f".{rest}") or f".{rest}".endswith(f".{used_rest}"))
        ):
            return True
    return False


def _charts(result: SweepResult) -> dict[str, Chart]:
    """The files curves.png, if something was learned, and returns.png. There are none before a
    trial has finished.
    """
    variants = [variant for variant in result.variants if variant.estimate is not None]
    if not variants:
        return {}
    labels = _labels(variants)
    charts: dict[str, Chart] = {}
    curves = [_curve(variant, label) for variant, label in zip(variants, labels, strict=True)]
    drawable = [curve for curve in curves if curve is not None]
    if drawable:
        statistic = _statistic(variants)
        drawn = plot(_draw_training, drawable, result.baselines, statistic, size=(10, 4.6))
        charts["curves.png"] = Chart(drawn.png(), "Returns during training by variant")
    size = (10, 1.7 + 0.55 * len(variants))
    drawn = plot(_draw_returns, variants, labels, result.baselines, size=size)
    charts["returns.png"] = Chart(drawn.png(), "Returns by variant, with 95% intervals")
    return charts


def _curve(variant: VariantResult, label: str) -> Curve | None:
    """Estimates by user steps where all finished seeds have some; None for a single evaluation."""
    by_steps = [{row["env_steps"]: row for row in result.curve} for result in variant.finished]
    shared = sorted(set(by_steps[0]).intersection(*by_steps[1:]))
    if len(shared) < 2:
        return None
    estimates = [
        interval_estimate(
            [seed[steps]["AverageEpisodeRewards/eval"] for seed in by_steps],
            [seed[steps]["StandardError/eval"] for seed in by_steps],
        )
        for steps in shared
    ]
    return Curve(
        label,
        [steps / 1e6 for steps in shared],
        [estimate.value for estimate in estimates],
        [estimate.low for estimate in estimates],
        [estimate.high for estimate in estimates],
    )


def _labels(variants: Sequence[VariantResult]) -> list[str]:
    """The part of each label in which the variants differ."""
    parts = [variant.variant.label.split(",") for variant in variants]
    shared = set(parts[0]).intersection(*parts[1:]) if len(parts) > 1 else set()
    labels = [", ".join([part for part in label if part not in shared] or label) for label in parts]
    return [
        label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "…"
        for label in labels
    ]


def _statistic(variants: Sequence[VariantResult]) -> str:
    """The statistic of the estimates, for an axis."""
    methods = {variant.estimate.method for variant in variants if variant.estimate is not None}
    words = (METHODS[method].partition(",")[0].removeprefix("the ") for method in methods)
    return " or ".join(sorted(words))


def _draw_training(
    axes: Any, curves: Sequence[Curve], baselines: dict[str, float], statistic: str
) -> None:
    draw_curves(axes, curves, baselines)
    axes.set_xlabel("simulated user steps in training (millions)")
    axes.set_ylabel("mean return of a session")
    axes.set_title(f"Returns in training: {statistic}, bands: 95% intervals", fontsize=11)


def _draw_returns(
    axes: Any, variants: Sequence[VariantResult], labels: Sequence[str], baselines: dict[str, float]
) -> None:
    estimates = []
    for variant, of_variant in zip(variants, labels, strict=True):
        assert variant.estimate is not None
        value, low, high, _ = variant.estimate
        returns = (result.measured["return"] for result in variant.finished)
        seeds = [each for each in returns if each is not None]
        text = f"{of_variant}\n{value:.1f} [{low:.1f}, {high:.1f}]"
        estimates.append(Estimate(text, value, low, high, seeds))
    values = [estimate.value for estimate in estimates]
    axes.barh(range(len(values)), values, 0.6, color=colours(len(values)), alpha=0.35)
    draw_estimates(axes, estimates, baselines)
    axes.set_xlabel(
        f"return of a session: {_statistic(variants)}; bars: 95% intervals, strokes: seeds"
    )
