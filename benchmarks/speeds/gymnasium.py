"""One user at a time, through Gymnasium."""

from typing import Any

import processes
from speeds.common import Section, Settings

from recsim_tf import registered
from recsim_tf.tables import text_table

_STEPS = {False: 3000, True: 5}


def measure(settings: Settings) -> Section:
    """`gymnasium_steps` is the smallest over the environments."""
    figures: dict[str, float] = {}
    details: dict[str, Any] = {}
    rows = [("environment", "steps a CPU second")]
    for environment in registered()[: 1 if settings.quick else None]:
        task = {"environment": environment, "steps": _STEPS[settings.quick]}
        details[environment] = processes.run_worker("speeds.gymnasium_worker", task, True)
        rate = details[environment]["steps_per_cpu_second"]
        figures[f"gymnasium_steps/{environment}"] = rate
        rows.append((environment, f"{rate:,.0f}"))
    figures["gymnasium_steps"] = min(figures.values())
    title = "One user through Gymnasium, random slates, one core"
    return Section(figures, details, [title, *text_table(rows).splitlines()])
