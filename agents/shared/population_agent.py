"""Agents of the same kind that act and learn as one."""

import contextlib
import copy
import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.trajectories import policy_step, trajectory
from tf_agents.trajectories import time_step as ts
from tf_agents.utils import common

from recsim_tf.adapters.tf_agents import TFSlatePolicy
from recsim_tf.agents.shared.learning import FollowingNetwork
from recsim_tf.agents.shared.members import Members, Values, attributes, split
from recsim_tf.agents.shared.networks import SlateNetwork
from recsim_tf.agents.shared.unrolled import has_memory
from recsim_tf.core import nests
from recsim_tf.core.base.types import Nest
from recsim_tf.core.runs import replicas

# Settings that may differ between the members: factors, which change no shape.
MAY_DIFFER = (
    "Learning.gradient_clipping",
    "Learning.reward_scale_factor",
    "LambdaReturns.gamma",
    "LambdaReturns.td_lambda",
    "PolicyGradient.value_estimation_loss_coef",
    "PolicyGradient.entropy_regularization",
    "SlateQTargets.gamma",
    "SlateQTargets.td_lambda",
    "Exploration.epsilon",
)
# The optimizers whose update of a number depends on its own gradients only.
_ELEMENTWISE = ("Adam", "AdamW", "Adamax", "Nadam", "Adagrad", "Adadelta", "RMSprop", "SGD", "Lion")
# Parts of options that each member has for itself.
_NOT_SHARED = ("optimizer", "train_step_counter", "seed")
# The place of a setting: the attribute of the agent, and the fields below it.
_Path = tuple[str, ...]
_EPSILON: _Path = ("epsilon",)


class PopulationAgent(tf.Module):
    """P agents of the same kind and sizes, the *members*, that act and learn as one agent of P b
    users: the users p b to (p + 1) b - 1 are those of member p.

    Networks are called with parameters [P, ...] by `tf.vectorized_map`. A member draws, learns and
    ends as it would by itself, up to rounding, if everything is traced in `random.paired(1, P)`.

    The state of the population is in its own variables. `exchanged` pairs these with the variables
    of the members.

    Args:
      agents: `ReinforceSlateAgent`s or `SlateQAgent`s whose settings are the same, except for those
        of `MAY_DIFFER` and the learning rates of their optimizers.

    Attributes:
      num_members: P.
      collect_policy: draws the actions of all members.

    Raises:
      ValueError: for other agents, or settings or networks that differ.
    """

    def __init__(self, agents: Sequence[tf_agent.TFAgent]):
        super().__init__(name="PopulationAgent")
        first = agents[0]
        require_members(agents)
        self.num_members = len(agents)
        self._agents = list(agents)
        self.name_of_members = first.name
        self.on_policy = getattr(first, "on_policy", False)
        self.train_sequence_length = first.train_sequence_length
        self.collect_data_spec = first.collect_data_spec
        self._settings = dict(_differing(agents))
        self._variables = [
            tf.Variable(
                tf.zeros([self.num_members, variable.shape.num_elements()], variable.dtype),
                trainable=False,
            )
            for variable in _variables(first)
        ]
        trainable = {variable.ref() for variable in _trainable(first)}
        self._trained = [
            stacked
            for stacked, variable in zip(self._variables, _variables(first), strict=True)
            if variable.ref() in trainable
        ]
        self._optimizer = _common_optimizer([agent.learning.optimizer for agent in agents])
        self._optimizer.build(self._trained)
        stacked = {
            variable.ref(): each
            for variable, each in zip(_variables(first), self._variables, strict=True)
        }
        self._follow = [
            common.Periodically(functools.partial(_follow, each, stacked), each.period, "update")
            for each in _followers(first)
        ]
        self._counted = attributes(_statistics(first))
        self._counts = [stacked[place.variable.ref()] for place in self._counted]
        acting = {path[1]: self._settings[path] for path in self._settings if path[1:] == _EPSILON}
        if any(not values.all() for values in acting.values()):
            raise ValueError(
                "Exploration.epsilon must be above 0 for all members of a population in which it"
                f" differs, got {acting['epsilon'].tolist()}"
            )
        self.collect_policy = PopulationPolicy(
            first.collect_policy, self.members, len(agents), acting
        )

    @property
    def name(self) -> str:
        """The name of the members, for messages."""
        return self.name_of_members

    def exchanged(self) -> Iterator[tuple[tf.Variable, list[tf.Variable]]]:
        """Each variable of the population, and that of each member."""
        yield from zip(self._variables, _transposed(map(_variables, self._agents)), strict=True)
        optimizers = [agent.learning.optimizer.variables for agent in self._agents]
        yield from zip(self._optimizer.variables, _transposed(optimizers), strict=True)
        for number, follow in enumerate(self._follow):
            counters = [_followers(agent)[number].follow.variables for agent in self._agents]
            yield from zip(follow.variables, _transposed(counters), strict=True)
        yield self.collect_policy.seed, [agent.collect_policy.seed for agent in self._agents]
        counters = [agent.train_step_counter for agent in self._agents]
        yield counters[0], counters

    def members(self) -> Members:
        """The parameters of the members, as they are now."""
        variables = _variables(self._agents[0])
        values = {
            variable.ref(): tf.reshape(stacked, [self.num_members, *variable.shape])
            for variable, stacked in zip(variables, self._variables, strict=True)
        }
        return Members(self.num_members, values)

    def train(self, experience: trajectory.Trajectory) -> tf_agent.LossInfo:
        """Trains every member on its part of experience [P B, T], in order; returns the losses, a
        nest of [P].
        """
        first = self._agents[0]
        trained = [variable.ref() for variable in _trainable(first)]

        def of_member(values: Any, settings: list, experience: Nest) -> tuple[Nest, list, list]:
            variables = [values[reference] for reference in trained]
            paths = dict(zip(self._settings, settings, strict=True))
            with _with_settings(first, paths):
                loss_info, gradients = first.learning.gradients(
                    lambda: first.loss(experience, training=True), variables
                )
            gradients = [
                tf.zeros_like(variable) if gradient is None else tf.convert_to_tensor(gradient)
                for variable, gradient in zip(variables, gradients, strict=True)
            ]
            return loss_info, gradients, [place.value() for place in self._counted]

        loss_info, gradients, counts = self.members().map(
            _modules(first),
            of_member,
            [tf.constant(values) for values in self._settings.values()],
            split(experience, self.num_members),
        )
        self._optimizer.apply_gradients(
            (tf.reshape(gradient, variable.shape), variable)
            for gradient, variable in zip(gradients, self._trained, strict=True)
        )
        for count, value in zip(self._counts, counts, strict=True):
            count.assign(tf.reshape(value, count.shape))
        for follow in self._follow:
            follow()
        first.train_step_counter.assign_add(1)
        return loss_info


class PopulationPolicy(tf.Module):
    """The collect policies of P members as one policy of P b users."""

    def __init__(
        self,
        policy: TFSlatePolicy,
        members: Callable[[], Members],
        num_members: int,
        settings: Mapping[str, np.ndarray],
    ):
        super().__init__(name="PopulationPolicy")
        self._settings = settings
        self._policy = policy
        self._members = members
        self.seed = replicas.seed_variable(tf.zeros([num_members, 2], tf.int32))

    def get_initial_state(self, num_users: int) -> Nest:
        """The policy state at the start of sessions."""
        return self._policy.get_initial_state(num_users)

    def action(self, time_step: ts.TimeStep, policy_state: Nest) -> policy_step.PolicyStep:
        """The actions of all users [P b]."""
        (seed,) = replicas.new_seeds(self.seed, 1)
        num_users = nests.batch_size(time_step.reward) // self.seed.shape[0]
        settings = {
            name: tf.repeat(tf.constant(values), num_users)
            for name, values in self._settings.items()
        }
        with self._members().acting(settings):
            return self._policy.action(time_step, policy_state, seed)


def _transposed(lists) -> list[list[tf.Variable]]:
    return [list(variables) for variables in zip(*lists, strict=True)]


def _variables(agent: Any) -> list[tf.Variable]:
    return [variable for module in _modules(agent) for variable in module.variables]


def _modules(agent: Any) -> list[tf.Module]:
    """The parts of an agent that have its variables."""
    copies = [copy.network for copy in _followers(agent)]
    return [*agent.learners, *copies, *_statistics(agent)]


def _followers(agent: Any) -> Sequence[FollowingNetwork]:
    return getattr(agent, "followers", ())


def _statistics(agent: Any) -> Sequence[tf.Module]:
    return getattr(agent, "statistics", ())


def _follow(copy: FollowingNetwork, stacked: Values) -> tf.Operation:
    """Moves the copies of all members as one moves its own."""
    return common.soft_variables_update(
        [stacked[variable.ref()] for variable in copy.source.variables],
        [stacked[variable.ref()] for variable in copy.network.variables],
        copy.tau,
    )


def _trainable(agent: Any) -> list[tf.Variable]:
    return [weight for network in agent.learners for weight in network.trainable_weights]


def require_members(agents: Sequence[Any]) -> None:
    """Requires agents that can be members of one population; raises a ValueError for others."""
    first = agents[0]
    learners = getattr(first, "learners", None)
    if not learners or not all(isinstance(network, SlateNetwork) for network in learners):
        raise ValueError(
            f"the agents of a population must be REINFORCE or SlateQ on SlateNetworks, got"
            f" {type(first).__name__} {first.name}"
        )
    if any(map(has_memory, learners)):
        raise ValueError(f"the networks of a population must have no memory, got {first.name}")
    if any(layer.compute_dtype != "float32" for network in learners for layer in _layers(network)):
        raise ValueError("experiment.mixed_precision must be None for a population")
    shapes = [[tuple(variable.shape) for variable in _variables(agent)] for agent in agents]
    for agent, shape in zip(agents, shapes, strict=True):
        if type(agent) is not type(first) or shape != shapes[0]:
            raise ValueError(
                f"the networks of all members of a population must have the same shapes, got"
                f" {shapes[0]} and {shape}"
            )


def _layers(network: tf.Module) -> list[tf.keras.layers.Layer]:
    return [part for part in network.submodules if isinstance(part, tf.keras.layers.Layer)]


def _differing(agents: Sequence[Any]) -> Iterator[tuple[_Path, np.ndarray]]:
    """The settings that differ between members, float32 [P], by their places."""
    for name in ("learning", "objective", "targets", "exploration"):
        options = [getattr(agent, name, None) for agent in agents]
        if None not in options:
            yield from _differing_options((name,), options)


def _differing_options(path: _Path, options: list[Any]) -> Iterator[tuple[_Path, np.ndarray]]:
    first = options[0]
    for field in dataclasses.fields(first):
        if field.name in _NOT_SHARED:
            continue
        values = [getattr(each, field.name) for each in options]
        place = (*path, field.name)
        if all(dataclasses.is_dataclass(value) for value in values):
            yield from _differing_options(place, values)
        elif any(_identity(value) != _identity(values[0]) for value in values):
            name = f"{type(first).__name__}.{field.name}"
            are_numbers = all(
                isinstance(value, int | float) and not isinstance(value, bool) for value in values
            )
            if name not in MAY_DIFFER or not are_numbers:
                different = next(v for v in values if _identity(v) != _identity(values[0]))
                raise ValueError(
                    f"{name} must be the same for all members of a population, got {values[0]!r}"
                    f" and {different!r}; numbers may differ in {', '.join(MAY_DIFFER)} and"
                    " learning rates"
                )
            yield place, np.asarray(values, np.float32)


def _identity(value: Any) -> Any:
    """A value by which settings are compared."""
    if hasattr(value, "get_config"):
        return type(value), value.get_config()
    if inspect.isfunction(value):
        captured = [cell.cell_contents for cell in value.__closure__ or ()]
        return value.__code__, value.__defaults__, tuple(map(_identity, captured))
    if callable(value):
        return getattr(value, "__qualname__", type(value))
    return value


@contextlib.contextmanager
def _with_settings(agent: Any, settings: Mapping[_Path, tf.Tensor]) -> Iterator[None]:
    """Inside, an agent has other values of some settings, tensors, by their places."""
    before = {path[0]: getattr(agent, path[0]) for path in settings}
    try:
        for name, options in before.items():
            below = {path[1:]: value for path, value in settings.items() if path[0] == name}
            object.__setattr__(agent, name, _with_values(options, below))
        yield
    finally:
        for name, options in before.items():
            object.__setattr__(agent, name, options)


def _with_values(options: Any, values: Mapping[_Path, tf.Tensor]) -> Any:
    """A copy of options with tensors, which their checks would refuse."""
    options = copy.copy(options)
    for name in {path[0] for path in values}:
        below = {path[1:]: value for path, value in values.items() if path[0] == name}
        value = below[()] if () in below else _with_values(getattr(options, name), below)
        object.__setattr__(options, name, value)
    return options


def _common_optimizer(optimizers: Sequence[Any]) -> tf.keras.optimizers.Optimizer:
    """An optimizer of the matrices [P, n] of all members, with the learning rate of each."""
    first = optimizers[0]
    kind = type(first)
    if not isinstance(first, tf.keras.optimizers.Optimizer) or kind.__name__ not in _ELEMENTWISE:
        raise ValueError(
            f"the optimizer of a population must be one of {', '.join(_ELEMENTWISE)}, got"
            f" {kind.__name__}"
        )
    configs = [optimizer.get_config() for optimizer in optimizers]
    rates = [config.pop("learning_rate") for config in configs]
    config = configs[0]
    for each, optimizer in zip(configs, optimizers, strict=True):
        names = [name for name in config if each.get(name) != config[name]]
        if type(optimizer) is not kind or names:
            raise ValueError(
                f"{kind.__name__}.{(names or ['__class__'])[0]} must be the same for all members"
                " of a population, only the learning rate may differ"
            )
    for name in ("clipnorm", "global_clipnorm"):
        if config.get(name) is not None:
            raise ValueError(
                f"{kind.__name__}.{name} must be None for a population, got {config[name]}: bind"
                " Learning.gradient_clipping"
            )
    if any(rate != rates[0] for rate in rates):
        if not all(isinstance(rate, float | np.floating) for rate in rates):
            raise ValueError(
                f"{kind.__name__}.learning_rate must be numbers, or the same schedule, for all"
                f" members of a population, got {rates[0]!r}"
            )
        return kind.from_config({**config, "learning_rate": np.asarray(rates)[:, np.newaxis]})
    return kind.from_config({**config, "learning_rate": rates[0]})
