"""Plots of a sweep."""

import math
from collections.abc import Sequence
from pathlib import Path

from recsim_tf.experiment.sweeps.results import SweepResult, VariantResult
from recsim_tf.experiment.sweeps.statistics import (
    INTERQUARTILE_MEAN,
    MEAN,
    MEAN_OF_SESSIONS,
    IntervalEstimate,
    interval_estimate,
)
from recsim_tf.plots import figure

# More lines cannot be told apart by their colours, nor read in a legend.
_COLOURS = 10
_LONGEST_LABEL = 60

_WORDS = {
    INTERQUARTILE_MEAN: "interquartile mean over seeds",
    MEAN: "mean over seeds",
    MEAN_OF_SESSIONS: "mean of one seed's sessions",
}


def write_plots(path: Path, result: SweepResult) -> list[str]:
    """Draws returns.png, and curves.png where something was learned; draws nothing before a trial
    has finished.

    Args:
      path: the folder.
      result: of the sweep.

    Returns:
      The names of the files.
    """
    variants = [variant for variant in result.variants if variant.estimate is not None]
    drawn = []
    if any(curve := [_curve(variant) for variant in variants]):
        _plot_curves(path / "curves.png", variants, curve, result.baselines)
        drawn.append("curves.png")
    if variants:
        _plot_returns(path / "returns.png", variants, result.baselines)
        drawn.append("returns.png")
    return drawn


def _curve(variant: VariantResult) -> list[tuple[float, IntervalEstimate]]:
    """Estimates by user steps, where all finished seeds were evaluated; empty where there is but
    one evaluation.
    """
    by_steps = [{row["env_steps"]: row for row in result.curve} for result in variant.finished]
    shared = sorted(set(by_steps[0]).intersection(*by_steps[1:]))
    points = []
    for steps in shared if len(shared) > 1 else ():
        rows = [seed[steps] for seed in by_steps]
        points.append(
            (
                steps,
                interval_estimate(
                    [row["AverageEpisodeRewards/eval"] for row in rows],
                    [row["StandardError/eval"] for row in rows],
                ),
            )
        )
    return points


def _colours(count: int) -> Sequence:
    if count <= _COLOURS:
        return [f"C{index}" for index in range(count)]
    from matplotlib import colormaps

    # Its end is too light for lines.
    return [colormaps["viridis"](0.9 * index / (count - 1)) for index in range(count)]


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


def _plot_curves(
    path: Path, variants: Sequence[VariantResult], curves: Sequence, baselines: dict[str, float]
) -> None:
    shown = [
        *_labels(variants)[:_COLOURS],
        *(f"{name} {value:.1f}" for name, value in baselines.items()),
    ]
    columns = 2 if len(shown) > 4 and max(map(len, shown)) < 50 else 1
    with figure(path, size=(10, 4.6 + 0.2 * math.ceil(len(shown) / columns))) as axes:
        handles, labels = [], []
        for index, (points, colour) in enumerate(zip(curves, _colours(len(variants)), strict=True)):
            if not points:
                continue
            steps = [step / 1e6 for step, _ in points]
            (line,) = axes.plot(
                steps,
                [found.value for _, found in points],
                color=colour,
                linewidth=2,
                marker="o",
                markersize=3.5,
            )
            bounds = [found.low for _, found in points], [found.high for _, found in points]
            axes.fill_between(
                steps,
                *bounds,
                color=colour,
                alpha=0.2 if len(variants) <= _COLOURS else 0.08,
                linewidth=0,
            )
            if index < _COLOURS:
                handles.append(line)
                labels.append(shown[index])
        for (name, value), style in zip(baselines.items(), _styles(len(baselines)), strict=True):
            handles.append(axes.axhline(value, color="0.35", linestyle=style, linewidth=1.2))
            labels.append(f"{name} {value:.1f}")
        title = (
            None
            if len(variants) <= _COLOURS
            else f"the best {_COLOURS} of {len(variants)} variants, from dark to light"
        )
        place = {"loc": "outside lower center", "ncols": columns, "frameon": False, "fontsize": 9}
        axes.figure.legend(handles, labels, title=title, **place)
        axes.set_xlabel("simulated user steps in training (millions)")
        axes.set_ylabel("mean return of a session")
        axes.set_title(
            f"Returns in training: {_statistic(variants)}, bands: 95% intervals", fontsize=11
        )


def _styles(count: int) -> Sequence[str]:
    return [("--", ":", "-.")[index % 3] for index in range(count)]


def _plot_returns(
    path: Path, variants: Sequence[VariantResult], baselines: dict[str, float]
) -> None:
    with figure(path, size=(10, 1.7 + 0.55 * len(variants))) as axes:
        texts = []
        for row, (variant, label, colour) in enumerate(
            zip(variants, _labels(variants), _colours(len(variants)), strict=True)
        ):
            found = variant.estimate
            assert found is not None
            axes.barh(row, found.value, color=colour, alpha=0.35, height=0.6)
            bars = [[found.value - found.low], [found.high - found.value]]
            axes.errorbar(
                found.value, row, xerr=bars, fmt="o", color=colour, capsize=5, linewidth=2, zorder=3
            )
            seeds = [result.measured["return"] for result in variant.finished]
            axes.plot(seeds, [row - 0.18] * len(seeds), "|", color="0.25", markersize=6, zorder=4)
            texts.append(f"{label}\n{found.value:.1f} [{found.low:.1f}, {found.high:.1f}]")
        for (name, value), style in zip(baselines.items(), _styles(len(baselines)), strict=True):
            axes.axvline(
                value, color="0.35", linestyle=style, linewidth=1.2, label=f"{name} {value:.1f}"
            )
        axes.set_yticks(range(len(variants)), texts, fontsize=9)
        axes.set_ylim(len(variants) - 0.4, -0.6)
        axes.set_xlim(*_limits(variants, baselines))
        axes.set_xlabel(
            f"return of a session: {_statistic(variants)}; bars: 95% intervals, strokes: seeds"
        )
        if baselines:
            axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=9)


def _limits(variants: Sequence[VariantResult], baselines: dict[str, float]) -> tuple[float, float]:
    """All that is drawn, and zero, from which bars begin."""
    values = [0.0, *baselines.values()]
    for variant in variants:
        assert variant.estimate is not None
        values += [
            variant.estimate.low,
            variant.estimate.high,
            *(result.measured["return"] or 0.0 for result in variant.finished),
        ]
    low, high = min(values), max(values)
    margin = 0.04 * max(high - low, 1e-6)
    return (low - margin if low < 0 else 0.0), (high + margin if high > 0 else 0.0)
