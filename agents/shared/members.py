"""Networks with the parameters of several members of a population.

Networks read their parameters from attributes of layers. Here tensors take the place of these
variables while a network is called, so that the call is a function of its parameters, and
`tf.vectorized_map` computes it for P members at once.
"""

import contextlib
import contextvars
import types
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import tensorflow as tf

from recsim_tf.core import nests
from recsim_tf.core.base.types import Nest

# By the references of variables.
Values: TypeAlias = Mapping[Hashable, tf.Tensor]


class Place(NamedTuple):
    """An attribute that is a variable."""

    part: tf.Module
    name: str
    variable: tf.Variable

    def value(self) -> tf.Variable | tf.Tensor:
        """The attribute as it is now."""
        return getattr(self.part, self.name)


def attributes(modules: Iterable[tf.Module]) -> list[Place]:
    """The attributes of modules, and of their submodules, that are variables."""
    parts = {id(part): part for module in modules for part in (module, *module.submodules)}
    return [
        Place(part, name, attribute)
        for part in parts.values()
        for name, attribute in vars(part).items()
        if isinstance(attribute, tf.Variable)
    ]


@contextlib.contextmanager
def replaced(modules: Iterable[tf.Module], values: Values) -> Iterator[None]:
    """Inside, the attributes of modules, and of their submodules, that are variables with a value
    are these values.
    """
    places = [place for place in attributes(modules) if place.variable.ref() in values]
    try:
        for part, name, variable in places:
            # Keras would track the tensor as a new state of the layer.
            object.__setattr__(part, name, values[variable.ref()])
        yield
    finally:
        for part, name, variable in places:
            object.__setattr__(part, name, variable)


def split(rows: Nest, num_members: int) -> Nest:
    """A nest of [P b, ...] as one of [P, b, ...]."""

    def leaf_of_members(leaf: tf.Tensor) -> tf.Tensor:
        rest = tf.shape(leaf)[1:] if None in leaf.shape[1:] else leaf.shape[1:]
        return tf.reshape(leaf, tf.concat([[num_members, leaf.shape[0] // num_members], rest], 0))

    return tf.nest.map_structure(leaf_of_members, rows)


class Members(NamedTuple):
    """The parameters of P members, by the variables of the networks of one of them."""

    num_members: int
    values: Values  # [P, ...]

    def map(self, modules: Iterable[tf.Module], function: Callable[..., Nest], *inputs: Nest):
        """The results of a function of nests for each member, a nest of [P, ...].

        Args:
          modules: the networks that the function calls.
          function: takes the values of a member and its inputs, and draws nothing.
          *inputs: nests of [P, ...].
        """
        references = list(self.values)

        def of_member(member: tuple) -> Nest:
            parameters, arguments = member
            token, mapped = _acting.set(None), _mapped.set(True)
            try:
                values = dict(zip(references, parameters, strict=True))
                with replaced(modules, values):
                    return function(values, *arguments)
            finally:
                _acting.reset(token)
                _mapped.reset(mapped)

        return tf.vectorized_map(of_member, (list(self.values.values()), inputs))

    @contextlib.contextmanager
    def acting(self, settings: Mapping[str, tf.Tensor]) -> Iterator[None]:
        """Inside, a `SlateNetwork` takes rows [P b, ...], b for each member, and computes those of
        a member with its parameters. `settings` [P b] are what `setting_of_rows` gives.
        """
        token, token_of_settings = _acting.set(self), _settings.set(settings)
        try:
            yield
        finally:
            _acting.reset(token)
            _settings.reset(token_of_settings)


_mapped: contextvars.ContextVar[bool] = contextvars.ContextVar(
    "recsim_tf_members_mapped", default=False
)
_acting: contextvars.ContextVar[Members | None] = contextvars.ContextVar(
    "recsim_tf_members_acting", default=None
)


_settings: contextvars.ContextVar[Mapping[str, tf.Tensor]] = contextvars.ContextVar(
    "recsim_tf_members_settings", default=types.MappingProxyType({})
)


def setting_of_rows(name: str, value: float) -> float | tf.Tensor:
    """A setting; in `Members.acting`, if the members differ in it, that of each row, [P b]."""
    return _settings.get().get(name, value)


def are_mapped() -> bool:
    """True inside a function that `Members.map` traces."""
    return _mapped.get()


def of_rows(network: tf.Module, function: Callable[..., Nest], *rows: Nest) -> Nest:
    """The result of a function that calls a network's layers on rows [B, ...], a nest of [B, ...];
    in `Members.acting` each row has the parameters of its member.
    """
    members = _acting.get()
    if members is None:
        return function(*rows)
    references = {variable.ref() for variable in network.variables}
    parameters = {name: value for name, value in members.values.items() if name in references}
    results = members._replace(values=parameters).map(
        [network], lambda _, *inputs: function(*inputs), *split(rows, members.num_members)
    )
    return nests.merge_outer(results)
