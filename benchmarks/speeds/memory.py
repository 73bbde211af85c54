# SPDX-License-Identifier: Apache-2.0
"""Memory of a user: the growth of a process's peak between two batch sizes, interest evolution, 10
candidates.
"""

from sections import Section, Settings, section
from speeds.common import MODES, simulate

# Large enough that the simulation, not the compiler, sets the peak; long enough that sessions end
# and newcomers come.
_USERS = {False: (131072, 524288, 1048576), True: (64, 128, 256)}
_STEPS = {False: 64, True: 2}


def measure(settings: Settings) -> Section:
    """`bytes_per_user` is under XLA, from the smallest to the largest batch."""
    steps = _STEPS[settings.quick]
    # All users at a time.
    task = {"min_steps": steps, "max_steps": steps, "sharded": False}
    task |= {"user_steps": 0, "cpu_seconds": 0.0}
    figures, details = {}, {}
    heads = (f"{users:,} users" for users in _USERS[settings.quick])
    rows = [("mode", *heads, "bytes a user")]
    for mode in MODES:
        peaks = {}
        for users in _USERS[settings.quick]:
            # TensorFlow's own memory is in all peaks, and goes with the difference.
            result = simulate(settings, "InterestEvolution-v1", [users], mode, **task)
            peaks[users] = 1024 * result["peak_memory_kib"]
        small, large = min(peaks), max(peaks)
        figures[f"bytes_per_user/{mode}"] = (peaks[large] - peaks[small]) / (large - small)
        details[mode] = peaks
        cells = (f"{peak / 2**20:,.0f}" for peak in peaks.values())
        rows.append((mode, *cells, f"{figures[f'bytes_per_user/{mode}']:,.0f}"))
    figures["bytes_per_user"] = figures["bytes_per_user/xla"]
    title = (
        "Peak memory of a process, MiB, and bytes that one more user takes, interest evolution,"
        " 3 of 10"
    )
    return section(settings, title, rows, figures, {"bytes_per_user": (0, 4096)}, details=details)
