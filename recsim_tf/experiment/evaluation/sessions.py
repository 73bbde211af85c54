"""Single sessions as a CSV file, one row for each policy and user."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recsim_tf.experiment.evaluation.measures import PolicyResult
from recsim_tf.experiment.runs.folder import write_text

COLUMNS = ("policy", "user", "return", "steps", "clicks", "mean_quality", "outcome")


def write_sessions(path: Path, results: Sequence[PolicyResult]) -> None:
    """Writes what every user did under every policy; RecSim's `returns_<steps>` file is its column
    `return`.

    The columns: policy, with value and seed where these were compared; user, counted from 0, the
    same users under every policy that met them with one seed; return; steps; clicks; mean_quality
    of the clicked documents, empty without a click or where responses do not tell it; and outcome:
    "left" where the user left, "time_limit" where the simulator's time limit ended the session,
    "cut_off" where it was running when the evaluation ended.

    Args:
      path: of the file, which is replaced in one step. Its folder is created.
      results: of the policies, in the order of the file.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for result in results:
        sessions = result.sessions
        outcomes = np.select(
            [sessions.left > 0, sessions.time_limit > 0], ["left", "time_limit"], "cut_off"
        )
        columns = (sessions.reward, sessions.steps, sessions.clicks, sessions.quality, outcomes)
        for user, (reward, steps, clicks, quality, outcome) in enumerate(
            zip(*columns, strict=True)
        ):
            mean_quality = _number(quality / clicks) if result.has_quality and clicks > 0 else ""
            writer.writerow(
                (
                    result.name,
                    user,
                    _number(reward),
                    _number(steps),
                    _number(clicks),
                    mean_quality,
                    outcome,
                )
            )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text.getvalue())


def _number(value: float) -> str:
    # Nine digits are what a float32 needs to come back bit for bit.
    return f"{value:.9g}"
