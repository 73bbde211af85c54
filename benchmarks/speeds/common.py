"""What the sections of the speed report share."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import processes
from sections import Section as Section

# Documents of a slate, of 10 candidates, by environment.
RECSIM_SLATE_SIZES = {
    "InterestEvolution-v1": 3,
    "InterestExploration-v1": 2,
    "LongTermSatisfaction-v1": 2,
}
SLATE_SIZES = {
    **RECSIM_SLATE_SIZES,
    "Conversation-v0": 3,
    "DriftingTaste-v0": 3,
    "KeyTerms-v0": 1,
    "PageClicks-v0": 3,
}
NUM_CANDIDATES = 10
# Whether XLA compiles, by what the report calls it.
MODES = {"graph": False, "xla": True}

_TIMING = {
    False: {"user_steps": 2**21, "min_steps": 128, "max_steps": 4096, "cpu_seconds": 2.0},
    True: {"user_steps": 64, "min_steps": 2, "max_steps": 4, "cpu_seconds": 0.01},
}


class Settings(NamedTuple):
    """How the report is made."""

    quick: bool  # a smoke run
    rounds: int  # in which peers take turns; figures are medians over them
    recsim: str | None  # interpreters of the peers
    recsim_ng: str | None
    jax: str | None


def simulate(
    settings: Settings,
    environment: str,
    users: Sequence[int],
    mode: str,
    one_core: bool = True,
    **task,
) -> dict[str, Any]:
    """Rates of an environment under random slates, of each batch size, from a process of their own.

    Args:
      settings: of the report.
      environment: an id.
      users: batch sizes.
      mode: one of `MODES`.
      one_core: whether the process is pinned to one core and TensorFlow has one thread.
      **task: fields of the worker's `Task` other than usual.
    """
    slates = {"slate_size": SLATE_SIZES[environment], "num_candidates": NUM_CANDIDATES}
    usual = {
        "environment": environment,
        "users": list(users),
        "xla": MODES[mode],
        "sharded": True,
        **slates,
        **_TIMING[settings.quick],
    }
    return processes.run_worker("speeds.simulation_worker", {**usual, **task}, one_core)
