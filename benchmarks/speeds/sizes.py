"""Simulation by batch size, in graph mode and under XLA: rates, tracing, compiling, and what the
execution policy makes of them.
"""

import math
from typing import Any

from speeds.common import MODES, SLATE_SIZES, Section, Settings, simulate

from recsim_tf.support.tables import text_table

_USERS = {False: (1, 32, 1024, 16384, 131072, 1048576), True: (1, 4)}


def measure(settings: Settings) -> Section:
    """`policy_regret` is the largest ratio of graph mode's rate to XLA's, which the policy takes
    for long simulations.
    """
    figures: dict[str, float] = {}
    details: dict[str, Any] = {}
    rows = [("environment", "mode", "users", "rate", "trace", "first call", "XLA pays after")]
    regret = 0.0
    for environment in SLATE_SIZES:
        found = {mode: _rates(settings, environment, mode) for mode in MODES}
        details[environment] = found
        for mode in MODES:
            for users in _USERS[settings.quick]:
                rates = found[mode][str(users)]
                name = f"{environment}/{mode}/{users}"
                for figure in ("user_steps_per_cpu_second", "trace_seconds", "first_call_seconds"):
                    figures[f"{name}/{figure}"] = rates[figure]
                pays = ""
                if mode == "xla":
                    other = found["graph"][str(users)]
                    regret = max(
                        regret,
                        other["user_steps_per_cpu_second"] / rates["user_steps_per_cpu_second"],
                    )
                    after = figures[f"{environment}/xla_pays_after/{users}"] = _break_even(
                        other, rates
                    )
                    pays = f"{after / 1e6:.1f} M" if math.isfinite(after) else "never"
                cells = (
                    f"{users:,}",
                    f"{rates['user_steps_per_cpu_second'] / 1e6:.3f}",
                    f"{rates['trace_seconds']:.1f}",
                    f"{rates['first_call_seconds']:.1f}",
                )
                rows.append((environment, mode, *cells, pays))
    figures["policy_regret"] = regret
    lines = [
        (
            "Millions of user-steps per CPU second on one core, by batch size; seconds to trace,"
            " and of the first call, with its compilation"
        ),
        *text_table(rows, left=(0, 1)).splitlines(),
        "",
        (
            "Execution policy: XLA for what it pays for (last column, in user-steps). Graph mode"
            f" at its best has {regret:.2f} of XLA's rate."
        ),
    ]
    return Section(figures, details, lines)


def _rates(settings: Settings, environment: str, mode: str) -> dict[str, Any]:
    return simulate(
        settings, environment, _USERS[settings.quick], mode, min_steps=4 if settings.quick else 16
    )["rates"]


def _break_even(graph: dict[str, float], xla: dict[str, float]) -> float:
    """User-steps after which XLA has made up for its compilation; the first call does a call's
    work.
    """

    def start(rates, steps):
        return (
            rates["trace_seconds"]
            + rates["first_call_seconds"]
            - steps / rates["user_steps_per_cpu_second"]
        )

    saved = 1 / graph["user_steps_per_cpu_second"] - 1 / xla["user_steps_per_cpu_second"]
    steps = graph["user_steps_per_call"]
    return max(start(xla, steps) - start(graph, steps), 0.0) / saved if saved > 0 else math.inf
