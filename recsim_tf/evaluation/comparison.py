# SPDX-License-Identifier: Apache-2.0
"""Comparisons of values of parameters of an environment or of policies, and of seeds."""

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from recsim_tf.core import random
from recsim_tf.core.base.arguments import checked
from recsim_tf.core.base.parameters import Model
from recsim_tf.core.base.ranges import shown
from recsim_tf.core.base.types import Policy
from recsim_tf.core.checks import check
from recsim_tf.core.simulator import Simulator
from recsim_tf.evaluation.baselines import CheckedPolicy, unchecked
from recsim_tf.support.errors import UsageError, error_line
from recsim_tf.support.tables import short_names

_CHECKED_USERS = 5  # users of each value, in a trial of the environment with all values
# The name "policy.cap" stands for the parameter `cap` of each policy that has it.
_PREFIX = "policy."


class Setting(NamedTuple):
    """The values and the seed of a simulation in a comparison."""

    values: dict[str, Any]  # by name of the parameter, as given
    seed: Any  # an integer; a tuple of integers for a mean over seeds
    label: str  # a short label, such as "no_click_mass=0.5, seed=2"
    of_values: str = ""  # the label without the seed


class Comparison:
    """Values of parameters, and seeds. Each combination has b users.

    Row (v S + s) b + u of the user axis is user u of b, with value v and seed s of S. The values of
    several parameters are all combinations, where the last parameter changes fastest. All values
    get the same users and the same noise. The sessions of a value and a seed equal those of a
    separate simulation, up to the exceptions of `random.paired`.

        comparison = Comparison(
            {"users.choice_model.no_click_mass": (0.5, 1.0, 2.0)}, seeds=(1, 2), num_users=1000
        )
        simulator = comparison.simulator(recsim_tf.interest_evolution())
        with comparison.paired():
            trajectory = simulator.rollout(
                policy, comparison.num_rows, num_steps, comparison.seed_rows()
            )

    Args:
      values: values by name of the parameter: numbers, or tables of the same shape. Parameters of
        the environment's models have the names of `simulator.parameters()`; parameters of policies
        that are models have names such as "policy.cap". May be empty.
      seeds: integers.
      num_users: number of users b of each value and seed.

    Raises:
      ValueError: if there is nothing to compare, if a value occurs twice, or if values are not
        numbers.
    """

    @checked
    def __init__(self, values: Mapping[str, Sequence], seeds: Sequence[int], num_users: int):
        _check_distinct("seeds", seeds)
        checked = {name: _checked_values(name, given) for name, given in values.items()}
        self._combinations = _dicts(checked, itertools.product(*checked.values()))
        self._seeds = [random.as_seed(seed) for seed in seeds]
        self.num_users = num_users
        short = short_names(values)
        self.settings = []
        for setting, seed in itertools.product(self._combinations, seeds):
            parts = [f"{short[name]}={value!r}" for name, value in setting.items()]
            values_label = ", ".join(parts)
            parts += [f"seed={seed}"] if len(seeds) > 1 or not parts else []
            self.settings.append(Setting(setting, seed, ", ".join(parts), values_label))

    @property
    def num_rows(self) -> int:
        """The number of all users: values * seeds * users of each."""
        return len(self.settings) * self.num_users

    def seed_rows(self) -> tf.Tensor:
        """The seeds of simulations that run in `paired`, int32 [S, 2]."""
        return tf.stack(self._seeds)

    def paired(self) -> contextlib.AbstractContextManager:
        """The context in which the simulation is traced or run eagerly; see `random.paired`."""
        return random.paired(len(self._combinations), len(self._seeds))

    def simulator(self, simulator: Simulator) -> Simulator:
        """The simulator of all rows. Its compared parameters are tensors [num_rows, ...].

        Args:
          simulator: a simulator with the values of all other parameters. It is not changed.

        Raises:
          UsageError: for an unknown parameter, or a value that the models or `recsim_tf.check`
            refuse.
        """
        names = self._names(of_policies=False)
        if simulator.documents.shared and simulator.users_per_world is None:
            # A world has all users of a value and a seed.
            simulator = simulator.replaced(users_per_world=self.num_users)
        if not names:
            return simulator
        for name in names:
            try:
                simulator.parameter_spec(name)
            except ValueError as error:
                raise UsageError(
                    f"values: {error}; for other settings there is recsim-tf sweep"
                ) from error
        combinations = self._values_of(names)
        for setting in combinations:
            with _refused(setting):
                simulator.with_parameters(setting).reset(simulator.fewest_users, seed=0)
        with _refused(dict.fromkeys(names, "one for each user")):
            result = _of_rows(simulator, combinations, len(self._seeds) * self.num_users)
        try:
            small = simulator
            if simulator.documents.shared:
                small = simulator.replaced(users_per_world=_CHECKED_USERS)
            check(_of_rows(small, combinations, _CHECKED_USERS))
        except ValueError:
            # Checks of single values are slower, but the error names the value.
            for setting in combinations:
                with _refused(setting):
                    check(simulator.with_parameters(setting))
            raise
        return result

    def policies(self, policies: Mapping[str, Policy]) -> dict[str, Policy]:
        """The policies of all rows. Their compared parameters are tensors [num_rows, ...].

        Args:
          policies: policies by name, with the values of all other parameters. A policy that lacks a
            compared parameter is the same for every value.

        Raises:
          UsageError: for a parameter that no policy has, or a value that a policy refuses.
        """
        names = self._names(of_policies=True)
        for name in names:
            if not any(_names_in(policy, [name]) for policy in policies.values()):
                listed = "; ".join(
                    f"{title} has {_parameter_list(policy)}" for title, policy in policies.items()
                )
                raise UsageError(
                    f"values: no policy has a parameter {name}: {listed}; for agents and other"
                    " settings there is recsim-tf sweep"
                )
        return {name: self._policy_of_rows(policy, names) for name, policy in policies.items()}

    def _policy_of_rows(self, policy: Policy, names: Sequence[str]) -> Policy:
        policy_names = _names_in(policy, names)
        if not policy_names:
            return policy
        model: Any = unchecked(policy)
        settings = []
        for setting in self._values_of(policy_names):
            settings.append({_without_prefix(name): value for name, value in setting.items()})
            with _refused(setting, "the policy"):
                model.with_parameters(settings[-1])
        rows = _rows(model, settings, len(self._seeds) * self.num_users)
        with _refused(dict.fromkeys(policy_names, "one for each user"), "the policy"):
            changed = model.with_parameters(rows)
        return policy.around(changed) if isinstance(policy, CheckedPolicy) else changed

    def _names(self, of_policies: bool) -> list[str]:
        return [name for name in self._combinations[0] if name.startswith(_PREFIX) == of_policies]

    def _values_of(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """The values of these parameters in each combination."""
        return [{name: values[name] for name in names} for values in self._combinations]


def paired_draws(
    simulator: Simulator, draws: Mapping[str, np.ndarray], num_users: int
) -> Simulator:
    """The simulator of D * `num_users` users, with D draws of the parameters, tables [D, ...] by
    name.

    The first `num_users` users have the first draw, and so on. In `random.paired(D, 1)` the users
    of each draw are the same.
    """
    if simulator.documents.shared and simulator.users_per_world is None:
        simulator = simulator.replaced(users_per_world=num_users)
    return _of_rows(simulator, _dicts(draws, zip(*draws.values(), strict=True)), num_users)


def _dicts(names: Iterable[str], rows: Iterable[Iterable]) -> list[dict[str, Any]]:
    return [dict(zip(names, row, strict=True)) for row in rows]


def _of_rows(simulator: Simulator, settings: Sequence[dict[str, Any]], times: int) -> Simulator:
    """The simulator with each of the settings for `times` users."""
    of_users = _rows(simulator, settings, times)
    of_corpora = _rows(simulator, settings, simulator.corpora.number(times))
    rows = {
        name: tf.constant(
            of_corpora[name] if name.startswith("documents.") else of_users[name],
            simulator.users.dtype,
        )
        for name in settings[0]
    }
    return simulator.with_parameters(rows).replaced(num_users=len(settings) * times)


def _rows(model: Model, settings: Sequence[dict[str, Any]], times: int) -> dict[str, np.ndarray]:
    """Parameters in V settings by name, each repeated for `times` users, [V * times, ...]."""
    return {
        name: np.repeat(
            model.for_users(name, [setting[name] for setting in settings]), times, axis=0
        )
        for name in settings[0]
    }


def _checked_values(name: str, values: Any) -> list:
    allowed = f"values of {name} must be numbers, or tables of numbers of one shape"
    _check_distinct(f"values of {name}", values)
    # NumPy's numbers are converted, since they cannot be written as JSON.
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


def _check_distinct(name: str, values: Any) -> None:
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
def _refused(setting: dict[str, Any], owner: str = "the environment") -> Iterator[None]:
    """A context in which errors of models become a `UsageError` that names the values."""
    try:
        yield
    except Exception as error:  # Models can raise anything.
        words = ", ".join(f"{name}={shown(value)}" for name, value in setting.items())
        raise UsageError(f"values: {owner} does not take {words}: {error_line(error)}") from error


def _without_prefix(name: str) -> str:
    """The name of a parameter in its policy."""
    return name.removeprefix(_PREFIX)


def _names_in(policy: Policy, names: Sequence[str]) -> list[str]:
    """The names that are parameters of a policy. A policy that is not a model has none."""
    model, parameters = unchecked(policy), []
    if isinstance(model, Model):
        for name in names:
            with contextlib.suppress(ValueError):
                model.parameter_spec(_without_prefix(name))
                parameters.append(name)
    return parameters


def _parameter_list(policy: Policy) -> str:
    model = unchecked(policy)
    names = model.parameters() if isinstance(model, Model) else ()
    return ", ".join(f"{_PREFIX}{name}" for name in names) or "none"
