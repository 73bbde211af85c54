"""The plot of the report on conversations."""

from typing import Any

from conversations.regret import POLICIES

from recsim_tf import plots


def draw(details: dict[str, Any], path: str) -> None:
    """Writes a PNG: regret by turns, for each policy."""
    with plots.figure(path, (8.0, 4.6)) as axes:
        for name, label in POLICIES.items():
            curve = details["curves"][name]
            turns = range(len(curve["mean"]))
            axes.errorbar(
                turns, curve["mean"], curve["se"], marker="o", markersize=4, capsize=2, label=label
            )
        axes.set(
            xlabel="turns", ylabel="regret of the recommended item, in utility", ylim=(0, None)
        )
        axes.set_title("What turns tell about a taste: 100 items, 10 factors")
        axes.legend()
