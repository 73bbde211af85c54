"""Plots of a sweep."""

from collections.abc import Sequence
from typing import Any

from recsim_tf.experiment.sweeps.results import (
    INTERQUARTILE_MEAN,
    MEAN,
    MEAN_OF_SESSIONS,
    SweepResult,
    VariantResult,
    interval_estimate,
)
from recsim_tf.support.pages import Chart
from recsim_tf.support.plots import Curve, Estimate, colours, draw_curves, draw_estimates, png

_LONGEST_LABEL = 60

_WORDS = {
    INTERQUARTILE_MEAN: "interquartile mean over seeds",
    MEAN: "mean over seeds",
    MEAN_OF_SESSIONS: "mean of one seed's sessions",
}


def sweep_charts(result: SweepResult) -> list[Chart]:
    """Draws curves.png where something was learned, and returns.png; draws nothing before a trial
    has finished.
    """
    variants = [variant for variant in result.variants if variant.estimate is not None]
    if not variants:
        return []
    labels = _labels(variants)
    charts = []
    curves = [
        curve
        for variant, label in zip(variants, labels, strict=True)
        if (curve := _curve(variant, label)) is not None
    ]
    if curves:
        drawn = png(_draw_training, curves, result.baselines, _statistic(variants), size=(10, 4.6))
        charts.append(Chart(drawn, "Returns during training by variant", file="curves.png"))
    size = (10, 1.7 + 0.55 * len(variants))
    drawn = png(_draw_returns, variants, labels, result.baselines, size=size)
    charts.append(Chart(drawn, "Returns by variant, with 95% intervals", file="returns.png"))
    return charts


def _curve(variant: VariantResult, label: str) -> Curve | None:
    """Estimates by user steps, where all finished seeds were evaluated; None where there is but
    one evaluation.
    """
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
        [found.value for found in estimates],
        [found.low for found in estimates],
        [found.high for found in estimates],
    )


def _labels(variants: Sequence[VariantResult]) -> list[str]:
    """What tells each variant from the others."""
    parts = [variant.variant.label.split(",") for variant in variants]
    shared = set(parts[0]).intersection(*parts[1:]) if len(parts) > 1 else set()
    labels = [", ".join([part for part in label if part not in shared] or label) for label in parts]
    return [
        label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "…"
        for label in labels
    ]


def _statistic(variants: Sequence[VariantResult]) -> str:
    """What the numbers are, for an axis."""
    words = {
        _WORDS[variant.estimate.method] for variant in variants if variant.estimate is not None
    }
    return " or ".join(sorted(words))


def _draw_training(
    axes: Any, curves: Sequence[Curve], baselines: dict[str, float], statistic: str
) -> None:
    draw_curves(axes, curves, baselines)
    axes.set_xlabel("simulated user steps in training (millions)")
    axes.set_ylabel("mean return of a session")
    axes.set_title(f"Returns in training: {statistic}, bands: 95% intervals", fontsize=11)


def _draw_returns(
    axes: Any,
    variants: Sequence[VariantResult],
    labels: Sequence[str],
    baselines: dict[str, float],
) -> None:
    estimates = []
    for variant, label in zip(variants, labels, strict=True):
        found = variant.estimate
        assert found is not None
        text = f"{label}\n{found.value:.1f} [{found.low:.1f}, {found.high:.1f}]"
        seeds = [result.measured["return"] or 0.0 for result in variant.finished]
        estimates.append(Estimate(text, found.value, found.low, found.high, seeds))
    values = [found.value for found in estimates]
    axes.barh(range(len(values)), values, 0.6, color=colours(len(values)), alpha=0.35)
    draw_estimates(axes, estimates, baselines)
    axes.set_xlabel(
        f"return of a session: {_statistic(variants)}; bars: 95% intervals, strokes: seeds"
    )
