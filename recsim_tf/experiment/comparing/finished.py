"""The returns of finished runs: of each policy, a return for each user."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from recsim_tf.experiment.comparing.operative import Environment, read_environment
from recsim_tf.logs.tables.parsing import pandas
from recsim_tf.support.errors import UsageError, one_line
from recsim_tf.support.files import read_json
from recsim_tf.support.means import Mean

# `recsim-tf evaluate` writes the values that it compares into a folder in this one of the run.
_EVALUATIONS = "evaluations"
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

    def of_worlds(self, users_per_world: int) -> np.ndarray:
        """The mean returns of worlds of so many users. Worlds are independent; users are not."""
        return self.values.reshape(-1, users_per_world).mean(axis=1)

    def mean(self) -> Mean:
        """The mean return."""
        return Mean.of(self.of_worlds(self.users_per_world))

    def has_users_of(self, other: "Returns") -> bool:
        """Whether user u of both is the same one."""
        is_like = self.environment.is_like(other.environment)
        return is_like and len(self.values) == len(other.values)

    def equals(self, other: "Returns") -> bool:
        """Whether a policy of the same name has the same returns from the same users."""
        is_same = self.policy == other.policy and self.has_users_of(other)
        return is_same and np.array_equal(self.values, other.values)


class _Recorded(NamedTuple):
    """What is read of a policy in results.json."""

    name: str
    mean_return: float
    standard_error: float
    episodes: int
    seed: Any = None  # where seeds or values are compared
    interval: Any = None  # of fitted models

    @classmethod
    def of(cls, content: dict[str, Any]) -> "_Recorded":
        return cls(**{name: value for name, value in content.items() if name in cls._fields})


class _Results(NamedTuple):
    """What is read of results.json."""

    policies: Sequence[_Recorded]
    has_agent: bool

    @classmethod
    def of(cls, policies: Sequence[Any] = (), train: Any = None, **_: Any) -> "_Results":
        return cls([_Recorded.of(policy) for policy in policies], train is not None)


def run_names(paths: Sequence[Path]) -> list[str]:
    """Short names of folders: as many of the last parts of their paths as tell them apart.

    Args:
      paths: absolute and different.
    """
    for length in itertools.count(1):
        names = ["/".join(path.parts[-length:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    raise AssertionError


def read_run(path: Path, name: str) -> list[Returns]:
    """The returns of a finished run, by policy, in the order of results.json.

    Args:
      path: the folder of a training or a simulation, or one below evaluations/ of a training that
        `recsim-tf evaluate` has made for the values that it compares.
      name: for `Returns.runs`.

    Raises:
      UsageError: if it is not the folder of a run, or of one that has not ended.
      ValueError: if a file of it is damaged.
    """
    if not path.is_dir():
        raise UsageError(f"RUN {path} must be the folder of a run, there is no such folder")
    whole = path.resolve()
    run = whole.parents[1] if whole.parent.name == _EVALUATIONS else path
    if not (run / "config.gin").is_file():
        raise UsageError(f"RUN {path} must be the folder of a run, it has no config.gin")
    results_file, sessions_file = path / "results.json", path / "sessions.csv"
    for file in (results_file, sessions_file, run / "operative_config.gin"):
        if not file.is_file():
            raise UsageError(
                f"RUN {path} must be a finished run of train, evaluate or simulate, it has no"
                f" {file.name}"
            )
    results = read_json(results_file, _Results.of, _ADVICE)
    if not results.policies:
        raise UsageError(f"RUN {path} must be a run of policies, {results_file.name} has none")
    values = _read_returns(sessions_file)
    environment = read_environment(run / "operative_config.gin")
    last = results.policies[-1]
    return [
        _checked(
            recorded,
            Returns(
                policy=recorded.name,
                runs=(name,),
                values=values.get(recorded.name, np.zeros(0)),
                users_per_world=1,
                environment=environment.with_seed(recorded.seed),
                is_agent=results.has_agent and recorded is last,
                is_fitted=recorded.interval is not None,
            ),
            path,
        )
        for recorded in results.policies
    ]


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


def _checked(recorded: _Recorded, returns: Returns, path: Path) -> Returns:
    """The returns with the users of a world, for which the standard error is the recorded one.

    Raises:
      ValueError: if they are not those of results.json.
    """
    values = returns.values
    tolerance = _TOLERANCE * np.abs(values).max(initial=0)
    if len(values) != recorded.episodes or abs(values.mean() - recorded.mean_return) > tolerance:
        raise ValueError(
            f"RUN {path} is damaged: the returns of {recorded.name} in sessions.csv are not those"
            f" of results.json: {_ADVICE}"
        )
    for size in range(1, len(values) + 1):
        if len(values) % size == 0:
            error = Mean.of(returns.of_worlds(size)).standard_error
            if abs(error - recorded.standard_error) <= tolerance:
                return returns._replace(users_per_world=size)
    return returns._replace(users_per_world=len(values))
