"""A step of interest evolution against the time to draw what it must draw."""

import statistics

import processes
from speeds.common import NUM_CANDIDATES, SLATE_SIZES, Section, Settings
from speeds.simulation_worker import SHARD_USERS

from recsim_tf.tables import text_table

_USERS = {False: (1024, SHARD_USERS), True: (2,)}
_STEPS = {False: 2**21, True: 8}


def measure(settings: Settings) -> Section:
    """`step_vs_draws` is of as many users as a shard has, and against TensorFlow's own operations;
    `step_vs_own_draws` is against the draws as recsim_tf makes them. The policy, random slates, is
    in the step and its noise is not in the draws.
    """
    figures, details = {}, {}
    rows = [("users", "step", "draws", "in a block", "by kind", "own", "step / draws", "/ own")]
    for users in _USERS[settings.quick]:
        task = {
            "users": users,
            "steps": max(_STEPS[settings.quick] // users, 1),
            "xla": True,
            "slate_size": SLATE_SIZES["InterestEvolution-v1"],
            "num_candidates": NUM_CANDIDATES,
            "num_topics": 20,
            "cpu_seconds": 0.0 if settings.quick else 2.0,
        }
        runs = [
            processes.run_worker("speeds.draws_worker", task, True) for _ in range(settings.rounds)
        ]
        details[str(users)] = runs
        step, draws, block, kinds, own = (
            statistics.median(run[name] for run in runs)
            for name in ("step", "draws", "draws_in_a_block", "draws_by_kind", "own_draws")
        )
        figures |= {
            f"step_ns/{users}": step,
            f"draws_ns/{users}": draws,
            "step_vs_draws": step / draws,
            "step_vs_own_draws": step / own,
        }
        times = (f"{time:.1f}" for time in (step, draws, block, kinds, own))
        rows.append((f"{users:,}", *times, f"{step / draws:.2f}", f"{step / own:.2f}"))
    lines = [
        (
            "Nanoseconds of CPU time a user-step, interest evolution, random slates of 3 of 10,"
            " XLA, one core"
        ),
        *text_table(rows, left=()).splitlines(),
    ]
    return Section(figures, details, lines)
