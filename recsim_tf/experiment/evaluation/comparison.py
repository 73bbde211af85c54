"""Comparisons: values of an environment's parameters, and seeds, in one simulation."""

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.checks import check
from recsim_tf.core.ranges import shown
from recsim_tf.core.simulator import Simulator
from recsim_tf.errors import told
from recsim_tf.experiment.runs.errors import UsageError
from recsim_tf.experiment.runs.names import short_names

# Of each value, where the environment is tried with all of them.
_CHECKED_USERS = 5


class Setting(NamedTuple):
    """One of the simulations that are compared."""

    values: dict[str, Any]  # by parameter, as given
    seed: int
    label: str  # short, such as "no_click_mass=0.5, seed=2"


class Comparison:
    """Values of parameters, and seeds, each combination of which has users of its own.

    Row (v S + s) b + u of the user axis is user u of b, with value v and seed s of S. Of several
    parameters the values are all combinations, the last parameter fastest. All values meet the same
    users and the same noise. The sessions of a value and a seed are those of a separate simulation,
    except for what `random.paired` excepts.

        comparison = Comparison(
            {"users.choice_model.no_click_mass": (0.5, 1.0, 2.0)}, seeds=(1, 2), num_users=1000
        )
        simulator = comparison.simulator(recsim_tf.interest_evolution())
        with comparison.paired():
            trajectory = simulator.rollout(
                policy, comparison.num_rows, num_steps, comparison.seed_rows()
            )

    Args:
      values: parameters of the environment's models, named as in `simulator.parameters()`, each
        with its values: numbers, or tables of one shape. May be empty.
      seeds: integers.
      num_users: b, users of each value and seed.

    Raises:
      ValueError: if there is nothing to compare, if a value occurs twice, or if values are not
        numbers.
    """

    def __init__(self, values: Mapping[str, Sequence], seeds: Sequence[int], num_users: int):
        if not isinstance(values, Mapping):
            raise ValueError(f"values must map names of parameters to their values, got {values!r}")
        _check_distinct("seeds", seeds)
        self._values = {name: _checked_values(name, given) for name, given in values.items()}
        self._seeds = [random.as_seed(seed) for seed in seeds]
        self.num_users = num_users
        short = short_names(values)
        self.settings = []
        for setting, seed in itertools.product(self._combinations(), seeds):
            parts = [f"{short[name]}={value!r}" for name, value in setting.items()]
            parts += [f"seed={seed}"] if len(seeds) > 1 or not parts else []
            self.settings.append(Setting(setting, seed, ", ".join(parts)))

    @property
    def num_rows(self) -> int:
        """All users: values * seeds * users of each."""
        return len(self.settings) * self.num_users

    def seed_rows(self) -> tf.Tensor:
        """The seeds, int32 [S, 2], for what runs in `paired`."""
        return tf.stack(self._seeds)

    def paired(self) -> contextlib.AbstractContextManager:
        """The context to trace the simulation in, or to run it in eagerly; see `random.paired`."""
        return random.paired(len(self.settings) // len(self._seeds), len(self._seeds))

    def simulator(self, simulator: Simulator) -> Simulator:
        """The simulator of all rows; the compared parameters are tensors [num_rows, ...].

        Args:
          simulator: has the values of all other parameters. It is left as it is.

        Raises:
          UsageError: for an unknown parameter, or a value that the models or `recsim_tf.check`
            refuse.
        """
        if not self._values:
            return simulator
        for name in self._values:
            try:
                simulator.parameter_spec(name)
            except ValueError as error:
                raise UsageError(
                    f"values: {error}; for other settings there is recsim-tf sweep"
                ) from error
        combinations = self._combinations()
        for setting in combinations:
            with _refused(setting):
                simulator.with_parameters(setting).reset(1, seed=0)
        with _refused(dict.fromkeys(self._values, "one for each user")):
            result = self._of_rows(simulator, len(self._seeds) * self.num_users)
        try:
            check(self._of_rows(simulator, _CHECKED_USERS))
        except ValueError:
            # Slower, it says for which value.
            for setting in combinations:
                with _refused(setting):
                    check(simulator.with_parameters(setting))
            raise
        return result

    def _of_rows(self, simulator: Simulator, times: int) -> Simulator:
        """The simulator with each combination of values for so many users."""
        combinations = self._combinations()
        columns = {
            name: simulator.for_users(name, [setting[name] for setting in combinations])
            for name in self._values
        }
        rows = {
            name: tf.constant(np.repeat(column, times, axis=0), simulator.users.dtype)
            for name, column in columns.items()
        }
        num_users = len(combinations) * times
        return simulator.with_parameters(rows).replaced(num_users=num_users)

    def _combinations(self) -> list[dict[str, Any]]:
        return [
            dict(zip(self._values, values, strict=True))
            for values in itertools.product(*self._values.values())
        ]


def _checked_values(name: str, values) -> list:
    allowed = f"values of {name} must be numbers, or tables of numbers of one shape"
    _check_distinct(f"values of {name}", values)
    # NumPy's numbers cannot be written as JSON.
    values = [
        value.tolist() if isinstance(value, np.ndarray | np.generic) else value for value in values
    ]
    try:
        kinds = {np.asarray(value).dtype.kind for value in values}
        shapes = {np.asarray(value).shape for value in values}
    except ValueError as error:
        raise ValueError(f"{allowed}, got {shown(values)}") from error
    if not kinds <= set("iuf") or len(shapes) > 1:
        raise ValueError(f"{allowed}, got {shown(values)}")
    return values


def _check_distinct(name: str, values) -> None:
    if not isinstance(values, list | tuple | np.ndarray) or not len(values):
        raise ValueError(f"{name} must be a tuple of at least one, got {shown(values)}")
    twice = [
        value
        for index, value in enumerate(values)
        if any(np.array_equal(value, earlier) for earlier in values[:index])
    ]
    if twice:
        raise ValueError(f"{name} must differ, got {shown(twice[0])} twice")


@contextlib.contextmanager
def _refused(setting: dict[str, Any]) -> Iterator[None]:
    """Names the values that the models do not take."""
    try:
        yield
    except Exception as error:  # Models can raise anything.
        words = ", ".join(f"{name}={shown(value)}" for name, value in setting.items())
        raise UsageError(f"values: the environment does not take {words}: {told(error)}") from error
