"""The plots of the report on worlds."""

from collections.abc import Callable
from typing import Any

import numpy as np

from recsim_tf import plots


def draw_ecosystem(details: dict[str, Any], path: str) -> None:
    """Writes a PNG: what a boost gains over time, and how many providers are alive."""
    with plots.figures(path, (10.0, 4.4), 1, 2) as (gains, alive):
        for index, cap in enumerate(details["caps"]):
            label, color = f"cap {cap}" if cap else "myopic", f"C{index}"
            if cap:
                gained, error = (
                    np.array(details[name][index])
                    for name in ("gained_by_step", "gained_by_step_se")
                )
                gains.plot(gained, label=label, color=color)
                gains.fill_between(
                    range(len(gained)), gained - error, gained + error, alpha=0.2, color=color
                )
            alive.plot(details["alive_by_step"][index], label=label, color=color)
        gains.axhline(0, color="black", linewidth=0.8)
        gains.set(xlabel="steps", ylabel="utility gained so far, per user", ylim=(-60, 30))
        gains.set_title("What a boost of few-clicked providers gains")
        alive.set(xlabel="steps", ylabel="providers alive", ylim=(0, 80))
        alive.set_title("Providers with attention, of 80")
        gains.legend()
        alive.legend()


# By section.
PLOTS: dict[str, Callable[[dict[str, Any], str], None]] = {"ecosystem": draw_ecosystem}
