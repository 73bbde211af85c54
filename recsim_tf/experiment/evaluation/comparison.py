"""Comparisons: values of an environment's parameters, and seeds, in one simulation."""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.simulator import Simulator
from recsim_tf.errors import one_line
from recsim_tf.experiment.runs.errors import UsageError
from recsim_tf.experiment.runs.names import short_names
from recsim_tf.gin_scope import bound

# Users of each value in a trial of the tensors. Only the users' axis fits both.
_TRIAL_USERS = (2, 3)


class Setting(NamedTuple):
    """One of the simulations that are compared."""

    values: dict[str, Any]  # by gin name, as given
    seed: int
    label: str  # short, such as "no_click_mass=0.5, seed=2"


class Comparison:
    """Values of parameters, and seeds, each combination of which has users of its own.

    Row (v S + s) b + u of the user axis is user u of b, with value v and seed s of S. Of several
    parameters the values are all combinations, the last parameter fastest. All values meet the same
    users and the same noise. The sessions of a value and a seed are those of a separate simulation,
    except for what `random.paired` excepts.

        comparison = Comparison(
            {"InterestEvolutionUsers.no_click_mass": (0.5, 1.0, 2.0)}, seeds=(1, 2), num_users=1000
        )
        simulator = comparison.simulator(recsim_tf.interest_evolution)
        with comparison.paired():
            trajectory = simulator.rollout(
                policy, comparison.num_rows, num_steps, comparison.seed_rows()
            )

    Args:
      values: gin names of parameters of the environment's models, each with its values: numbers, or
        tables of one shape. May be empty.
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
        shown = short_names(values)
        self.settings = []
        for setting, seed in itertools.product(self._combinations(), seeds):
            parts = [f"{shown[name]}={value!r}" for name, value in setting.items()]
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

    def simulator(self, build: Callable[[], Simulator]) -> Simulator:
        """The simulator of all rows; the compared parameters are float32 tensors [num_rows, ...].

        Each value is first tried in a simulator of its own. The caller's gin configuration stays as
        it is.

        Args:
          build: builds the simulator anew, its models by gin-configurable constructors, as
            `recsim_tf.interest_evolution`.

        Raises:
          UsageError: for an unknown parameter, a value that the models refuse, or a parameter that
            no model keeps for each user.
        """
        if not self._values:
            return build()
        combinations = self._combinations()
        # What is built and tried on the way leaves nothing behind.
        with bound({}):
            for name, values in self._values.items():
                _refuse_unknown(name, values[0])
            alone = [_built_alone(build, setting) for setting in combinations]
            columns = {name: _column(build, name, values) for name, values in self._values.items()}
            for setting, simulator in zip(combinations, alone, strict=True):
                with _refused(setting):
                    simulator.reset(1, seed=0)
            times = len(self._seeds) * self.num_users
            rows = {
                name: _repeated(column([setting[name] for setting in combinations]), times)
                for name, column in columns.items()
            }
            return _built(build, rows, self.num_rows)

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
        raise ValueError(f"{allowed}, got {values}") from error
    if not kinds <= set("iuf") or len(shapes) > 1:
        raise ValueError(f"{allowed}, got {values}")
    return values


def _check_distinct(name: str, values) -> None:
    if not isinstance(values, list | tuple | np.ndarray) or not len(values):
        raise ValueError(f"{name} must be a tuple of at least one, got {values!r}")
    twice = [
        value
        for index, value in enumerate(values)
        if any(np.array_equal(value, earlier) for earlier in values[:index])
    ]
    if twice:
        raise ValueError(f"{name} must differ, got {twice[0]} twice")


def _column(
    build: Callable[[], Simulator], name: str, values: list
) -> Callable[[list], np.ndarray]:
    """How values of a parameter become a column [values, ...] that the models take with a row for
    each user.

    Where a model takes a number or a vector, the column of numbers is [values, 1].
    """
    is_table = np.ndim(values[0]) > 0
    error: Exception | None = None
    for column in [_numbers] if is_table else [_numbers, _vectors]:
        try:
            for num_users in _TRIAL_USERS:
                _try_rows(build, name, _repeated(column(values), num_users))
            return column
        # What a model makes of a tensor that it does not expect can raise anything.
        except Exception as refused:
            error = refused
    raise UsageError(
        f"values: {name} is no parameter that the environment's models keep for each user, as a"
        " comparison needs: compare its values with recsim-tf sweep"
    ) from error


def _numbers(values: list) -> np.ndarray:
    return np.asarray(values, np.float32)


def _vectors(values: list) -> np.ndarray:
    return _numbers(values)[:, np.newaxis]


def _repeated(column: np.ndarray, times: int) -> tf.Tensor:
    return tf.constant(np.repeat(column, times, axis=0))


def _refuse_unknown(name: str, value) -> None:
    try:
        with bound({name: value}):
            pass
    except (ValueError, TypeError) as error:
        raise UsageError(f"values: {one_line(error)}") from error


def _built_alone(build: Callable[[], Simulator], setting: dict[str, Any]) -> Simulator:
    with _refused(setting), bound(setting):
        return build()


@contextlib.contextmanager
def _refused(setting: dict[str, Any]) -> Iterator[None]:
    """Names the values that the models do not take."""
    try:
        yield
    except Exception as error:  # Models can raise anything.
        shown = ", ".join(f"{name}={value!r}" for name, value in setting.items())
        raise UsageError(
            f"values: the environment does not take {shown}: {one_line(error)}"
        ) from error


def _try_rows(build: Callable[[], Simulator], name: str, rows: tf.Tensor) -> None:
    """Traces a step of users with a value each."""
    simulator = _built(build, {name: rows}, len(rows))
    slate = np.tile(np.arange(simulator.slate_size, dtype=np.int32), [len(rows), 1])
    # Nothing is run: the shapes decide.
    trial = tf.function(
        lambda: simulator.step(simulator.reset(len(rows), seed=0), slate, seed=0), autograph=False
    )
    trial.get_concrete_function()


def _built(build: Callable[[], Simulator], rows: dict[str, tf.Tensor], num_rows: int) -> Simulator:
    with bound({**rows, "Simulator.num_users": num_rows}):
        simulator = build()
    kept = [
        value for module in (simulator, *simulator.submodules) for value in vars(module).values()
    ]
    for name, tensor in rows.items():
        if not any(value is tensor for value in kept):
            raise UsageError(f"no model keeps {name}")
    return simulator
