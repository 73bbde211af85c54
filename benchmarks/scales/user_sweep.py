"""Values of a parameter side by side on the user axis against as many runs of one value each, start-up and tracing excluded."""

import statistics

import processes
from scales.common import Settings
from sections import Section

_SIZES = {
    False: {"values": 16, "users": 256, "max_steps": 2000},
    True: {"values": 2, "users": 4, "max_steps": 5},
}


def measure(settings: Settings) -> Section:
    size = _SIZES[settings.quick]
    (found,) = processes.run_workers("scales/user_sweep_worker.py", [{**size, "rounds": 2 * settings.rounds + 1}], [[0]], [{}])
    together, alone = statistics.median(found["together"]), statistics.median(found["alone"])
    figures = {"user_sweep/together_seconds": together, "user_sweep/alone_seconds": alone, "user_sweep_vs_runs": alone / together}
    figures["user_sweep_vs_runs_with_tracing"] = (found["alone_first"] + alone) / (found["together_first"] + together)
    lines = [
        f"{size['values']} values of {size['users']} users each, interest evolution, random slates, sessions to their ends, one core, "
        f"median of {len(found['alone'])} rounds in turns",
        f"{'one simulation of all values':<46} {together:>9.2f} s",
        f"{'as many simulations, one after the other':<46} {alone:>9.2f} s {alone / together:>8.1f} times",
        f"{'the same with the first calls, which trace':<46} {found['alone_first'] + alone:>9.2f} s"
        f" {figures['user_sweep_vs_runs_with_tracing']:>8.1f} times",
        f"Sessions are the same: {found['same']}",
    ]
    return Section(figures, found, lines)
