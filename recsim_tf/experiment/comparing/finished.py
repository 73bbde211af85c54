# SPDX-License-Identifier: Apache-2.0
"""Finished runs: the returns of each policy and user, and the environment."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from recsim_tf.core.base.validation import check_different
from recsim_tf.experiment.comparing import environments
from recsim_tf.experiment.comparing.environments import Environment
from recsim_tf.logs.tables.parsing import pandas
from recsim_tf.support.errors import UsageError, one_line
from recsim_tf.support.files import read_json
from recsim_tf.support.means import Mean

# `recsim-tf evaluate` writes the values that it compares into a folder in this one of the run.
_EVALUATIONS = "evaluations"
_RESULTS, _SESSIONS = "results.json", "sessions.csv"
_ADVICE = "run its command again"
# Returns in a file have nine digits.
_TOLERANCE = 1e-6


class Returns(NamedTuple):
    """The returns of the users of an evaluation under one policy."""

    policy: str  # its name in results.json
    runs: tuple[str, ...]  # names of the runs that have these returns
    values: np.ndarray  # float [U]
    users_per_world: int  # users one after the other who share a corpus; else 1
    environment: Environment
    is_agent: bool = False  # whether it was trained
    is_fitted: bool = False  # whether its environment has parameters with errors, from a fit

    def mean(self) -> Mean:
        """The mean return."""
        return mean_of_users(self.values, self.users_per_world)

    def has_users_of(self, other: "Returns") -> bool:
        """True if user u of both is the same one."""
        is_like = self.environment.is_like(other.environment)
        return is_like and len(self.values) == len(other.values)

    def equals(self, other: "Returns") -> bool:
        """True if a policy of the same name has the same returns from the same users."""
        is_same = self.policy == other.policy and self.has_users_of(other)
        return is_same and np.array_equal(self.values, other.values)


class _Recorded(NamedTuple):
    """The figures of a policy in results.json that a comparison needs."""

    name: str
    mean_return: float
    episodes: int
    users_per_world: int
    seed: Any  # None where neither seeds nor values are compared
    interval: Any  # None where the environment has no fitted parameters

    @classmethod
    def of(cls, content: dict[str, Any]) -> "_Recorded":
        return cls(
            content["name"],
            float(content["mean_return"]),
            int(content["episodes"]),
            int(content["users_per_world"]),
            content.get("seed"),
            content.get("interval"),
        )


class _Results(NamedTuple):
    """The part of results.json that a comparison needs."""

    policies: Sequence[_Recorded]
    has_agent: bool

    @classmethod
    def of(cls, policies: Sequence[Any] = (), train: Any = None, **_: Any) -> "_Results":
        recorded = [_Recorded.of(policy) for policy in policies]
        check_different("policies", [policy.name for policy in recorded])
        return cls(recorded, train is not None)


def mean_of_users(values: np.ndarray, users_per_world: int) -> Mean:
    """The mean of a number for each user, where worlds are independent, but not their users."""
    return Mean.of(values.reshape(-1, users_per_world).mean(axis=1))


def run_names(paths: Sequence[Path]) -> list[str]:
    """Short names of folders whose paths are absolute and different: as many of the last parts of
    their paths as tell them apart.
    """
    longer_and_longer = (
        ["/".join(path.parts[-length:]) for path in paths] for length in itertools.count(1)
    )
    return next(names for names in longer_and_longer if len(set(names)) == len(names))


def read_run(path: Path, name: str) -> list[Returns]:
    """The returns of a finished run, by policy, in the order of results.json.

    Args:
      path: the folder of a training or a simulation, or one below evaluations/ of a training that
        `recsim-tf evaluate` has made for the values that it compares; its environment is taken to
        be that of the training.
      name: the name of the run in `Returns.runs`.

    Raises:
      UsageError: if it is not the folder of a run, or of one that has not ended.
      ValueError: if a file of it is damaged.
    """
    environment_file = _environment_file(path)
    results = read_json(path / _RESULTS, _Results.of, _ADVICE)
    if not results.policies:
        raise UsageError(f"RUN {path} must be a run of policies, {_RESULTS} has none")
    returns = _read_returns(path / _SESSIONS)
    environment = read_json(environment_file, Environment, _ADVICE)
    policies = []
    for recorded in results.policies:
        values = returns.get(recorded.name, np.zeros(0))
        if not _agree(values, recorded):
            raise ValueError(
                f"RUN {path} is damaged, the returns of {recorded.name} in {_SESSIONS} are not"
                f" those of {_RESULTS}: {_ADVICE}"
            )
        policy = Returns(
            recorded.name,
            (name,),
            values,
            recorded.users_per_world,
            environment.with_seed(recorded.seed),
            is_agent=results.has_agent and recorded is results.policies[-1],
            is_fitted=recorded.interval is not None,
        )
        policies.append(policy)
    return policies


def _environment_file(path: Path) -> Path:
    """The file of the environment of a finished run, whose other files are there too."""
    if not path.is_dir():
        raise UsageError(f"RUN {path} must be the folder of a run, there is no such folder")
    absolute = path.resolve()
    run = absolute.parents[1] if absolute.parent.name == _EVALUATIONS else path
    if not (run / "config.gin").is_file():
        raise UsageError(f"RUN {path} must be the folder of a run, it has no config.gin")
    environment = run / environments.FILE
    for file in (path / _RESULTS, path / _SESSIONS, environment):
        if not file.is_file():
            raise UsageError(
                f"RUN {path} must be a finished run of train, evaluate or simulate, it has no"
                f" {file.name}"
            )
    return environment


def _read_returns(file: Path) -> dict[str, np.ndarray]:
    """The column of returns in sessions.csv, by policy."""
    try:
        table = pandas().read_csv(
            file, usecols=["policy", "return"], dtype=str, keep_default_na=False
        )
        return {
            name: rows["return"].to_numpy().astype(np.float64)
            for name, rows in table.groupby("policy", sort=False)
        }
    except ValueError as error:  # All errors of pandas' parser are such.
        raise ValueError(f"{file} is damaged ({one_line(error)}): {_ADVICE}") from error


def _agree(values: np.ndarray, recorded: _Recorded) -> bool:
    size = recorded.users_per_world
    if len(values) != recorded.episodes or size < 1 or len(values) % size:
        return False
    tolerance = _TOLERANCE * float(np.abs(values).max(initial=0))
    return np.isclose(values.mean(), recorded.mean_return, 0, tolerance, equal_nan=True)
