"""Values of a parameter side by side on the user axis against as many runs of one value each,
start-up and tracing excluded.

Both ways in graph mode, in which `simulate` and `evaluate` run on a CPU, and under XLA, whose
compiling takes longer than it saves here.
"""

import statistics

import processes
from scales.common import Settings
from sections import Section

from recsim_tf.tables import text_table

_SIZES = {
    False: {"values": 16, "users": 256, "max_steps": 2000},
    True: {"values": 2, "users": 4, "max_steps": 5},
}
_MODES = {"graph": "graph mode", "xla": "XLA"}


def measure(settings: Settings) -> Section:
    size = _SIZES[settings.quick]
    rounds = 2 * settings.rounds + 1
    rows = [("", "at once", "one by one", "times")]
    figures: dict[str, float] = {}
    details = {}
    for mode, text in _MODES.items():
        task = {**size, "rounds": rounds, "xla": mode == "xla"}
        (found,) = processes.run_workers("scales.comparison_worker", [task], [[0]], [{}])
        if not found["same"]:
            raise RuntimeError(
                "the sessions of a value at once with others are not those of the value alone"
            )
        together, alone = statistics.median(found["together"]), statistics.median(found["alone"])
        first_together, first_alone = (
            found["together_first"] + together,
            found["alone_first"] + alone,
        )
        figures |= {
            f"comparison/{mode}/at_once_seconds": together,
            f"comparison/{mode}/one_by_one_seconds": alone,
        }
        figures |= {
            f"comparison_vs_runs/{mode}": alone / together,
            f"comparison_vs_runs/{mode}_with_tracing": first_alone / first_together,
        }
        details[mode] = found
        rows += [
            (name, f"{at_once:.3f}", f"{one_by_one:.3f}", f"{one_by_one / at_once:.1f}")
            for name, at_once, one_by_one in (
                (text, together, alone),
                (f"{text}, with first calls", first_together, first_alone),
            )
        ]
    figures["comparison_vs_runs"] = figures["comparison_vs_runs/graph"]
    figures["comparison_xla_vs_graph_runs"] = (
        figures["comparison/graph/one_by_one_seconds"] / figures["comparison/xla/at_once_seconds"]
    )
    lines = [
        (
            f"{size['values']} values of {size['users']} users each, interest evolution, random"
            f" slates, sessions to their ends, one core, median of {rounds} rounds in turns,"
            " seconds"
        ),
        *text_table(rows).splitlines(),
        "First calls trace or compile.",
        (
            f"At once under XLA is {figures['comparison_xla_vs_graph_runs']:.1f} times as fast as"
            " one by one in graph mode."
        ),
    ]
    return Section(figures, details, lines)
