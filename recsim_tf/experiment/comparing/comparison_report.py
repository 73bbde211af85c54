# SPDX-License-Identifier: Apache-2.0
"""A comparison of runs for readers: sentence, table with notes, page, plot, and JSON."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recsim_tf.core.nests import as_json
from recsim_tf.experiment.comparing.gains import LEVEL, POWER, Comparison, Gain
from recsim_tf.support.means import Mean
from recsim_tf.support.pages import Chart, Note, Section, Table, page
from recsim_tf.support.plots import Estimate, draw_estimates, new_figure, plot
from recsim_tf.support.tables import fixed, number, signed, text_table

_DIFFERENT = "The environments differ, so gains are not of policies alone"
_MOST_DIGITS = 6
# The width of a chart, in inches: two have room beside each other on a page.
_WIDTH = 5.6


def comparison_text(comparison: Comparison) -> str:
    """The table of policies, the best first, with sentence, warnings and notes."""
    table = text_table([_row(comparison, name) for name in comparison.policies], left=(0, 1))
    return "\n".join(
        [table, "", sentence(comparison), *_warnings(comparison), "", *notes(comparison)]
    )


def sentence(comparison: Comparison) -> str:
    """The policy with the highest mean return, and by how much, as far as that can be seen."""
    best, *lower = comparison.policies
    reference, digits = comparison.reference, _digits(comparison)
    gains = {name: comparison.gain_of_best(over=name) for name in lower}
    alike = [name for name in lower if not gains[name].is_seen]
    if reference in alike:
        difference = gains[reference].difference
        return (
            f"No difference can be seen between {best} and {reference}: the gain of"
            f" {signed(difference.value, digits)} has the 95% interval"
            f" {_interval(difference, digits)}."
        )
    if best == reference and alike:
        return (
            f"No policy is seen to be better than {best}, and no difference can be seen between it"
            f" and {_listed(alike)}."
        )
    over = lower[0] if best == reference else reference
    gain = gains[over]
    percent = "" if gain.percent is None else f", {_percent(gain)} %"
    but = f"; no difference can be seen between it and {_listed(alike)}" if alike else ""
    return (
        f"{best} has the highest mean return, {fixed(gain.difference.value, digits)} more than"
        f" {over} (95% interval {_interval(gain.difference, digits)}{percent}){but}."
    )


def notes(comparison: Comparison) -> list[str]:
    """Notes on the table for its readers, a line each."""
    policies, gains = comparison.policies.values(), comparison.gains.values()
    lines = []
    if any(gain.is_paired for gain in gains):
        lines.append("paired: the same users meet both policies, so their own share cancels out.")
    if not all(gain.is_paired for gain in gains):
        lines.append(
            "independent: the users are others, since their environment, seed, number or division"
            " into parts differs."
        )
    lines.append(
        "A/B users: in each of two groups, for a test that sees such a gain in"
        f" {POWER:.0%} of cases (two-sided, {LEVEL:.0%}); none where the gain cannot be told from"
        " zero. Below 30 a few more are needed."
    )
    if any(returns.users_per_world > 1 for returns in policies):
        lines.append(
            "Users share worlds, so they count together in intervals, and in a test whose worlds"
            " have one policy each."
        )
    if len(gains) > 1:
        lines.append("Each interval is for itself: of 20 gains that are zero, one seems not to be.")
    if any(returns.is_agent for returns in policies):
        lines.append(
            "An agent is that of one training; of other seeds of the training the intervals say"
            " nothing. recsim-tf sweep compares over seeds."
        )
    if any(returns.is_fitted for returns in policies):
        lines.append(
            "The intervals do not hold the uncertainty of fitted parameters; results.json of each"
            " run has that of its returns."
        )
    return lines


def _warnings(comparison: Comparison) -> list[str]:
    """The differences of the environments, a line for each part."""
    lines = [
        f"  {name}: {', '.join(f'{value} in {run}' for run, value in values.items())}"
        for name, values in comparison.differences().items()
    ]
    if lines:
        lines.insert(0, f"{_DIFFERENT}:")
    return lines


def _row(comparison: Comparison, name: str) -> dict[str, str]:
    """The cells of a policy by their columns."""
    returns, digits = comparison.policies[name], _digits(comparison)
    mean, gain = returns.mean(), comparison.gains.get(name)
    row = {
        "policy": name,
        "run": _runs(comparison, name),
        "return": fixed(mean.value, digits),
        "95% interval": _interval(mean, digits),
        "gain": "reference",
        "interval of the gain": "",
        "in %": "",
        "compared": "",
        "A/B users": "",
    }
    if gain is not None:
        row |= {
            "gain": signed(gain.difference.value, digits),
            "interval of the gain": _interval(gain.difference, digits),
            "in %": _percent(gain),
            "compared": "paired" if gain.is_paired else "independent",
            "A/B users": number(gain.users),
        }
    return row


def _digits(comparison: Comparison) -> int:
    """Decimals that show the smallest standard error of a mean return to two digits."""
    errors = [returns.mean().standard_error for returns in comparison.policies.values()]
    least = min((error for error in errors if error > 0), default=1.0)
    return min(max(1 - math.floor(math.log10(least)), 2), _MOST_DIGITS)


def _runs(comparison: Comparison, name: str) -> str:
    runs = comparison.policies[name].runs
    return "all" if 1 < len(runs) == len(comparison.environments) else ", ".join(runs)


def _interval(mean: Mean, digits: int) -> str:
    low, high = mean.interval()
    if math.isnan(low):
        return number(None)
    return f"{fixed(low, digits)} to {fixed(high, digits)}"


def _percent(gain: Gain) -> str:
    return number(None) if gain.percent is None else signed(gain.percent, 1)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


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
        introduction.append(f"{_DIFFERENT}.")
        rows = [{"part": name, **values} for name, values in differences.items()]
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
    row = _row(comparison, name)
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
    return {"value": mean.value, "standard_error": mean.standard_error, "interval": mean.interval()}


def _height(comparison: Comparison) -> float:
    return 1.4 + 0.5 * len(comparison.policies)


def _draw_returns(axes: Any, comparison: Comparison) -> None:
    digits = _digits(comparison)
    means = {name: returns.mean() for name, returns in comparison.policies.items()}
    labels = {name: f"{name}\n{fixed(mean.value, digits)}" for name, mean in means.items()}
    _draw(axes, means, labels)
    axes.set_xlabel("mean return of a session, 95% intervals")


def _draw_gains(axes: Any, comparison: Comparison) -> None:
    digits = _digits(comparison)
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
