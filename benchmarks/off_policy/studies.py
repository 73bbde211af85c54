# SPDX-License-Identifier: Apache-2.0
"""Studies of estimators in a simulator, where the truth is known."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np

from recsim_tf.core.base.arguments import AtLeast, checked
from recsim_tf.core.simulator import Simulator
from recsim_tf.logs.log import Log
from recsim_tf.logs.trajectories import from_trajectory
from recsim_tf.ope.estimators import Estimator
from recsim_tf.ope.evaluation import EvaluationInputs, chosen_estimators, observed_by
from recsim_tf.ope.simulated import Simulations, truth
from recsim_tf.ope.values import QModel
from recsim_tf.support.summaries import table_html
from recsim_tf.support.tables import fixed, frame, signed, text_table

_LEVEL = 0.95
_NUM_SIMULATED = 10_000
# The columns of the frame, in the order of the fields of `StudyRow`.
_COLUMNS = (
    "estimator",
    "sessions of a log",
    "bias",
    "standard error of the bias",
    "root mean square error",
    "coverage",
    "believed",
)


class StudyRow(NamedTuple):
    """Results of an estimator at a size of logs. Bias and errors are relative to the true value."""

    estimator: str
    log_size: int  # sessions
    bias: float  # mean of the estimates less the truth
    bias_error: float  # standard error of the bias
    error: float  # root mean square error
    coverage: float  # share of the 95 % intervals that contain the truth
    believed: float  # share of the estimates whose verdict is "believable" or "wide"


@dataclasses.dataclass(frozen=True)
class Study:
    """Bias, error and coverage of estimators in simulated logs. `study["snips", 1000]` is a row; a
    KeyError names the rows that there are.
    """

    rows: list[StudyRow]
    truth: float  # the new policy's mean return
    logged: float  # the logging policy's mean return
    readings: dict[int, dict[str, float]]  # shares of logs by `Result.reading`, by log size

    def __getitem__(self, key: tuple[str, int]) -> StudyRow:
        rows = {(row.estimator, row.log_size): row for row in self.rows}
        if key not in rows:
            raise KeyError(
                f"study must have a row for {key!r}, it has {', '.join(map(repr, rows))}"
            )
        return rows[key]

    def to_frame(self) -> Any:
        """A DataFrame with a row for each estimator and size of logs. Bias and errors are relative
        to the true value; "coverage" and "believed" are shares of the logs.

        Raises:
          ImportError: if pandas is not installed.
        """
        return frame([dict(zip(_COLUMNS, row, strict=True)) for row in self.rows])

    def _cells(self) -> list[dict[str, str]]:
        return [
            {
                "estimator": row.estimator,
                "sessions": f"{row.log_size:,}",
                "bias %": signed(100 * row.bias, 1),
                "+-": fixed(100 * row.bias_error, 1),
                "error %": fixed(100 * row.error, 1),
                "coverage": fixed(row.coverage, 2),
                "believed": fixed(row.believed, 2),
            }
            for row in self.rows
        ]

    def __str__(self) -> str:
        return text_table(self._cells())

    def _repr_html_(self) -> str:
        return table_html("Estimators where the truth is known", self._cells())


@checked
def study(
    simulator: Simulator,
    logging: Any,
    policy: Any,
    log_sizes: Sequence[Annotated[int, AtLeast(2)]] = (1000,),
    estimators: Sequence[str] | Mapping[str, Estimator] = ("snips",),
    *,
    num_logs: Annotated[int, AtLeast(2)] = 20,
    num_steps: int = 1,
    model: Any = None,
    q: QModel | None = None,
    num_truth: int = 100_000,
    seed: int = 0,
    reward_by_position: Any = None,
) -> Study:
    """Judges a policy from many simulated logs, and compares the estimates with its true value.

    Args:
      simulator: the simulator of the users.
      logging, policy: the `StochasticPolicy` that logs, and the policy to judge.
      log_sizes: numbers of sessions of a log.
      estimators, model, q: see `evaluate`.
      num_logs: number of logs of each size, at least 2.
      num_steps: number of steps T of a session.
      num_truth: number of sessions whose mean return is the true value.
      seed: an integer, the seed of the logs. The truth has the seed `seed + 1`, models `seed + 2`.
      reward_by_position: see `from_trajectory`.

    Raises:
      ValueError: for a number out of range, and as in `evaluate`.
    """
    if not log_sizes:
        raise ValueError("log_sizes must be numbers of sessions, as (1000,), got none")
    chosen = chosen_estimators(estimators)
    number = num_logs * max(log_sizes)
    trajectory = simulator.rollout(logging, number, num_steps, seed)
    log = from_trajectory(
        trajectory, simulator, logging=logging, reward_by_position=reward_by_position
    )
    needs_model = any(each.model != "none" or each.weights_clicks for each in chosen.values())

    def inputs_of(log: Log) -> EvaluationInputs:
        simulations = functools.cache(
            lambda: Simulations(model, logging, log, _NUM_SIMULATED, seed + 2, 1.0)
        )
        observed = functools.cache(lambda: observed_by(model, log))
        return EvaluationInputs(
            policy, log, chosen, model, logging, q, 1.0, seed + 2, simulations, observed
        )

    inputs = inputs_of(log)
    expected = truth(simulator, policy, num_steps, num_truth, seed + 1).value
    rows, readings = [], {}
    for size in log_sizes:
        parts = [slice(start * size, (start + 1) * size) for start in range(num_logs)]
        # Simulations of a model and fits of values belong to a single log, so each log has its
        # inputs.
        if needs_model:
            logs = [(inputs_of(log.take(part)), slice(None)) for part in parts]
        else:
            logs = [(inputs, part) for part in parts]
        for name, estimator in chosen.items():
            estimates = [each.estimate(name, estimator, _LEVEL, part) for each, part in logs]
            values = np.array([estimate.value for estimate in estimates]) / expected - 1
            low, high = np.array([estimate.interval for estimate in estimates]).T
            believed = [estimate.verdict.is_promise for estimate in estimates]
            rows.append(
                StudyRow(
                    name,
                    size,
                    float(values.mean()),
                    float(values.std(ddof=1) / np.sqrt(num_logs)),
                    float(np.sqrt((values**2).mean())),
                    float(((low <= expected) & (expected <= high)).mean()),
                    float(np.mean(believed)),
                )
            )
        accepted = [inputs.of_rows(part).reading() for part in parts]
        readings[size] = {name: accepted.count(name) / num_logs for name in set(accepted)}
    return Study(rows, expected, float(inputs.sample.returns.mean()), readings)
