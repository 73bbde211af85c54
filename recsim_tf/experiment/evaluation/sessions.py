"""Single sessions as a CSV file, one row for each policy and user."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from recsim_tf.experiment.evaluation.measures import PolicyResult
from recsim_tf.support.files import write_csv

COLUMNS = ("policy", "user", "return", "steps", "clicks", "mean_quality", "outcome")


def write_sessions(path: Path, results: Sequence[PolicyResult]) -> None:
    """Writes what every user did under every policy; RecSim's `returns_<steps>` file is its column
    `return`. Measures and segments of the user's own have the last columns.

    The columns: policy, with value and seed where these were compared; user, counted from 0, the
    same users under every policy and one seed; return; steps; clicks; mean_quality of the clicked
    documents, empty without a click or where responses have no quality; and outcome: "left" where
    the user left, "time_limit" where the simulator's time limit ended the session, "cut_off" where
    it was running when the evaluation ended.

    The file is replaced in one step; policies are in the order of `results`.
    """
    first = results[0].sessions
    rows = [row for result in results for row in _rows(result)]
    write_csv(path, (*COLUMNS, *first.own, *first.segments), rows)


def _rows(result: PolicyResult) -> Iterator[tuple]:
    sessions = result.sessions
    outcomes = np.select(
        [sessions.left > 0, sessions.time_limit > 0], ["left", "time_limit"], "cut_off"
    )
    columns = (sessions.reward, sessions.steps, sessions.clicks, sessions.quality, outcomes)
    own = (*sessions.own.values(), *sessions.segments.values())
    for user, cells in enumerate(zip(*columns, *own, strict=True)):
        reward, steps, clicks, quality, outcome, *more = cells
        mean_quality = _number(quality / clicks) if result.has_quality and clicks > 0 else ""
        numbers = map(_number, (reward, steps, clicks))
        yield result.name, user, *numbers, mean_quality, outcome, *map(_number, more)


def _number(value: float) -> str:
    # Nine digits are what a float32 needs to come back bit for bit.
    return f"{value:.9g}"
