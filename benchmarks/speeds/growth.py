"""How the time of a user-step grows with candidates, slate size, users and horizon: interest
evolution, random slates, XLA, one core.
"""

from typing import Any

from speeds.common import NUM_CANDIDATES, Section, Settings, simulate

from recsim_tf.tables import text_table

_ENVIRONMENT = "InterestEvolution-v1"
_USERS = {False: 1024, True: 2}
# What is varied, by the names of the worker's fields; everything else as usual.
_SWEEPS: dict[bool, dict[str, tuple[int, ...]]] = {
    False: {
        "num_candidates": (10, 100, 1000, 10000),
        "slate_size": (1, 3, 10, 20),
        "users": (32, 1024, 32768, 1048576),
        "horizon": (16, 256, 4096),
    },
    True: {"num_candidates": (10, 20), "slate_size": (1, 2), "users": (2, 4), "horizon": (2, 4)},
}
# So that twenty can be shown; growth with the slate is at this number of candidates.
_MANY_CANDIDATES = 100


def measure(settings: Settings) -> Section:
    figures: dict[str, float] = {}
    details: dict[str, Any] = {}
    rows = [("varied", "value", "nanoseconds")]
    for swept, values in _SWEEPS[settings.quick].items():
        for value in values:
            users = value if swept == "users" else _USERS[settings.quick]
            task: dict[str, Any] = {
                "sharded": False,
                "cpu_seconds": 0.01 if settings.quick else 1.0,
                "min_steps": 2 if settings.quick else 8,
            }
            if swept == "num_candidates":
                task |= {"num_candidates": value}
            elif swept == "slate_size":
                task |= {"slate_size": value, "num_candidates": _MANY_CANDIDATES}
            elif swept == "horizon":
                task |= {"user_steps": users * value, "min_steps": value, "max_steps": value}
            found = simulate(settings, _ENVIRONMENT, [users], "xla", **task)["rates"][str(users)]
            details[f"{swept}/{value}"] = found
            figures[f"growth/{swept}/{value}"] = nanoseconds = (
                1e9 / found["user_steps_per_cpu_second"]
            )
            rows.append((swept.replace("_", " "), f"{value:,}", f"{nanoseconds:,.0f}"))
    title = (
        f"Nanoseconds of CPU time a user-step, {_USERS[settings.quick]:,} users, slates of 3 of"
        f" {NUM_CANDIDATES}, as one thing varies"
    )
    return Section(figures, details, [title, *text_table(rows).splitlines()])
