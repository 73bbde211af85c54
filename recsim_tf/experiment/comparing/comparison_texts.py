"""A comparison of runs in words: a sentence, the table, and notes to it."""

import math
from collections.abc import Sequence

from recsim_tf.experiment.comparing.gains import LEVEL, POWER, Comparison, Gain
from recsim_tf.support.means import Mean
from recsim_tf.support.tables import fixed, number, signed, text_table

DIFFERENT = "The environments differ, so gains are not of policies alone"
_MOST_DIGITS = 6


def comparison_text(comparison: Comparison) -> str:
    """The table of policies, the best first, with sentence, warnings and notes."""
    table = text_table([row_of(comparison, name) for name in comparison.policies], left=(0, 1))
    return "\n".join(
        [table, "", sentence(comparison), *warnings(comparison), "", *notes(comparison)]
    )


def sentence(comparison: Comparison) -> str:
    """Which policy has the highest mean return, and by how much, as far as that can be seen."""
    best, *others = comparison.policies
    reference, digits = comparison.reference, digits_of(comparison)
    gains = {name: comparison.gain_of_best(over=name) for name in others}
    alike = [name for name in others if not gains[name].is_seen]
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
    over = others[0] if best == reference else reference
    gain = gains[over]
    percent = "" if gain.percent is None else f", {_percent(gain)} %"
    but = f"; no difference can be seen between it and {_listed(alike)}" if alike else ""
    return (
        f"{best} has the highest mean return, {fixed(gain.difference.value, digits)} more than"
        f" {over} (95% interval {_interval(gain.difference, digits)}{percent}){but}."
    )


def notes(comparison: Comparison) -> list[str]:
    """What readers must know of the table, a line each."""
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


def warnings(comparison: Comparison) -> list[str]:
    """In what the environments differ, a line for each binding; nothing if they do not."""
    lines = [
        f"  {name}: {', '.join(f'{value} in {run}' for run, value in values.items())}"
        for name, values in comparison.differences().items()
    ]
    if lines:
        lines.insert(0, f"{DIFFERENT}:")
    return lines


def row_of(comparison: Comparison, name: str) -> dict[str, str]:
    """The cells of a policy by their columns."""
    returns, digits = comparison.policies[name], digits_of(comparison)
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


def digits_of(comparison: Comparison) -> int:
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
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
