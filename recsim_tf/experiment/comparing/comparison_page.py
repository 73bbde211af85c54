"""A comparison of runs as a page, a plot, and figures for other programs."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recsim_tf.core.nests import as_json
from recsim_tf.experiment.comparing.comparison_texts import (
    DIFFERENT,
    digits_of,
    notes,
    row_of,
    sentence,
)
from recsim_tf.experiment.comparing.gains import Comparison
from recsim_tf.support.means import Mean
from recsim_tf.support.pages import Chart, Note, Section, Table, page
from recsim_tf.support.plots import Estimate, draw_estimates, new_figure, plot
from recsim_tf.support.tables import fixed, signed

# Of a chart, in inches: two have room beside each other on a page.
_WIDTH = 5.6


def comparison_page(comparison: Comparison, folders: Mapping[str, Path]) -> str:
    """The report as a page of HTML. `folders` are those of the runs."""
    size = _WIDTH, _height(comparison)
    charts = [
        Chart(plot(_draw_returns, comparison, size=size).png(), "Mean returns with 95% intervals"),
        Chart(plot(_draw_gains, comparison, size=size).png(), "Gains with 95% intervals"),
    ]
    table = Table([_page_row(comparison, name) for name in comparison.policies])
    introduction = [sentence(comparison)]
    sections = [Section("Policies", [*charts, table, *map(Note, notes(comparison))])]
    if differences := comparison.differences():
        introduction.append(f"{DIFFERENT}.")
        rows = [{"binding": name, **values} for name, values in differences.items()]
        sections.append(Section("Environments", [Table(rows)]))
    runs = [
        {"run": name, "seed of the users": _seeds(comparison, name), "folder": [str(folder)]}
        for name, folder in folders.items()
    ]
    sections.append(Section("Runs", [Table(runs)]))
    return page("Policies side by side", sections, introduction)


def plot_comparison(comparison: Comparison) -> Any:
    """A figure of the mean returns, and beside them the gains, with their intervals."""
    drawn = new_figure((2 * _WIDTH, _height(comparison)), columns=2)
    left, right = drawn.axes
    _draw_returns(left, comparison)
    _draw_gains(right, comparison)
    return drawn


def comparison_json(comparison: Comparison, folders: Mapping[str, Path]) -> dict[str, Any]:
    """All figures, as JSON takes them. `folders` are those of the runs."""
    policies = []
    for name, returns in comparison.policies.items():
        mean = returns.mean()
        content: dict[str, Any] = {
            "name": name,
            "policy": returns.policy,
            "runs": returns.runs,
            "users": len(returns.values),
            "users_per_world": returns.users_per_world,
            "seed": returns.environment.seed,
            "mean_return": _figures(mean),
            "gain": None,
        }
        if name in comparison.gains:
            gain = comparison.gains[name]
            content["gain"] = _figures(gain.difference) | {
                "percent": gain.percent,
                "is_paired": gain.is_paired,
                "test_users": gain.users,
            }
        policies.append(content)
    return as_json(
        {
            "sentence": sentence(comparison),
            "reference": comparison.reference,
            "runs": {name: str(folder) for name, folder in folders.items()},
            "differences": comparison.differences(),
            "policies": policies,
        }
    )


def _page_row(comparison: Comparison, name: str) -> dict[str, Any]:
    """The row in fewer columns, which leaves room for narrow pages."""
    row = row_of(comparison, name)
    has_runs = name != comparison.policies[name].policy
    gain = [row["gain"]]
    if name in comparison.gains:
        gain = [
            f"{row['gain']} ({row['in %']} %)",
            Note(f"{row['interval of the gain']}, {row['compared']}"),
        ]
    return {
        "policy": [name] if has_runs else [name, Note(row["run"])],
        "return": [row["return"], Note(row["95% interval"])],
        f"gain over {comparison.reference}": gain,
        "A/B users": row["A/B users"] or None,
    }


def _seeds(comparison: Comparison, run: str) -> str:
    policies = comparison.policies.values()
    seeds = {str(returns.environment.seed) for returns in policies if run in returns.runs}
    return ", ".join(sorted(seeds))


def _figures(mean: Mean) -> dict[str, Any]:
    return {
        "value": mean.value,
        "standard_error": mean.standard_error,
        "interval": mean.interval(),
    }


def _height(comparison: Comparison) -> float:
    return 1.4 + 0.5 * len(comparison.policies)


def _draw_returns(axes: Any, comparison: Comparison) -> None:
    digits = digits_of(comparison)
    means = {name: returns.mean() for name, returns in comparison.policies.items()}
    labels = {name: f"{name}\n{fixed(mean.value, digits)}" for name, mean in means.items()}
    _draw(axes, means, labels)
    axes.set_xlabel("mean return of a session, 95% intervals")


def _draw_gains(axes: Any, comparison: Comparison) -> None:
    digits = digits_of(comparison)
    means, labels = {}, {}
    for name in comparison.policies:
        gain = comparison.gains.get(name)
        means[name] = Mean(0.0, 0.0) if gain is None else gain.difference
        words = "reference" if gain is None else signed(gain.difference.value, digits)
        labels[name] = f"{name}\n{words}"
    axes.axvline(0, color="0.35", linewidth=1.2)
    _draw(axes, means, labels)
    axes.set_xlabel(f"gain over {comparison.reference}, 95% intervals")


def _draw(axes: Any, means: Mapping[str, Mean], labels: Mapping[str, str]) -> None:
    estimates = []
    for name, mean in means.items():
        low, high = mean.interval()
        if math.isnan(low):
            low = high = mean.value
        estimates.append(Estimate(labels[name], mean.value, low, high))
    draw_estimates(axes, estimates)
