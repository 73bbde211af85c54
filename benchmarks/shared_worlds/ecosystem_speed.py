"""User-steps a CPU second of the ecosystem on one core: 2,000 users, 400 documents, slates of
three, the boosting policy.
"""

import statistics

import numpy as np
import processes
from sections import Bar, Section, Settings

from recsim_tf.tables import text_table

_ROUNDS = {False: 3, True: 1}


def measure(settings: Settings) -> Section:
    task = {
        "users_per_world": 20 if settings.quick else 2000,
        "num_steps": 3 if settings.quick else 300,
        "num_runs": 2 if settings.quick else 40,
        # To compile takes longer than a quick run does.
        "xla": not settings.quick,
    }
    runs = [
        processes.run_worker("shared_worlds.ecosystem_worker", task, True)
        for _ in range(_ROUNDS[settings.quick])
    ]
    medians = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    figures = {
        "user_steps": medians["user_steps_per_second"],
        "ecosystem_speed.seconds": medians["seconds"],
        "ecosystem_speed.traces": medians["traces"],
    }
    rows = [
        ("user-steps / CPU s", "CPU s of all runs", "of the first", "traces"),
        (
            f"{medians['user_steps_per_second']:,.0f}",
            f"{medians['seconds']:.1f}",
            f"{medians['first_seconds']:.1f}",
            f"{medians['traces']:.0f}",
        ),
    ]
    bars = [
        Bar("user_steps", figures["user_steps"], 300e3, np.inf),
        Bar("ecosystem_speed.seconds", figures["ecosystem_speed.seconds"], 0.0, 90.0),
        Bar("ecosystem_speed.traces", figures["ecosystem_speed.traces"], 1.0, 1.0),
    ]
    lines = [
        f"Ecosystem-v0 on one core, {task['num_runs']} runs of {task['num_steps']} steps of"
        f" {task['users_per_world']} users",
        *text_table(rows).splitlines(),
        *(bar.line(settings.quick) for bar in bars),
    ]
    return Section(figures, {"runs": runs}, lines)
