"""Turns a CPU second on one core: users under random turns, and a policy with a belief about each
user that shows its best set.
"""

import statistics

import numpy as np
import processes
from conversations.common import Bar, Section, Settings

from recsim_tf.tables import text_table

_ROUNDS = {False: 3, True: 1}
# Candidates of 100 items, users, turns of one call, and whether a policy believes.
_CASES = {
    "turns": ("random turns, all items are candidates", 100, 1024, 100, False),
    "turns_of_drawn_candidates": ("random turns, 20 candidates drawn", 20, 1024, 20, False),
    "turns_with_belief": ("belief (128 particles) and best set", 100, 64, 16, True),
}
_BARS = {"turns": 1e6, "turns_with_belief": 15e3}


def measure(settings: Settings) -> Section:
    figures: dict[str, float] = {}
    details = {}
    rows = [("case", "turns / CPU s", "first call, s")]
    for name, (label, num_candidates, num_users, num_turns, believes) in _CASES.items():
        task = {
            "num_candidates": num_candidates,
            "num_users": 4 if settings.quick else num_users,
            "num_turns": 2 if settings.quick else num_turns,
            "believes": believes,
            "cpu_seconds": 0.0 if settings.quick else 3.0,
            # To compile takes longer than a quick run does.
            "xla": not settings.quick,
        }
        runs = [
            processes.run_worker("conversations.speed_worker", task, True)
            for _ in range(_ROUNDS[settings.quick])
        ]
        details[name] = runs
        figures[f"speed.{name}"] = statistics.median(run["turns_per_second"] for run in runs)
        first = statistics.median(run["first_call_seconds"] for run in runs)
        rows.append((label, f"{figures[f'speed.{name}']:,.0f}", f"{first:.1f}"))
    bars = [
        Bar(f"speed.{name}", figures[f"speed.{name}"], least, np.inf)
        for name, least in _BARS.items()
    ]
    lines = [
        "Conversation-v0 under XLA on one core, slates of 3 of 100 items, 25 symbols of replies",
        *text_table(rows).splitlines(),
        *(bar.line(settings.quick) for bar in bars),
    ]
    return Section(figures, details, lines)
