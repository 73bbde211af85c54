# SPDX-License-Identifier: Apache-2.0
"""Networks and agents that see kinds of documents, and those that see features."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import tensorflow as tf
from tf_agents.networks import network

from recsim_tf.agents.shared.kinds import KindSpec, features_of, features_spec
from recsim_tf.agents.shared.networks import CheckedNetwork
from recsim_tf.core.base.types import Nest, Observation
from recsim_tf.policies import fields

_Function = TypeVar("_Function", bound=Callable)


def reads_kinds(create: _Function) -> _Function:
    """Marks a function that creates agents or networks from specs with a `KindSpec`."""
    marked: Any = create
    marked.reads_kinds = True
    return create


def sees_kinds(create: Callable) -> bool:
    """Tells whether a function that creates agents or networks is marked by `reads_kinds`, also
    with arguments of `functools.partial`.
    """
    while isinstance(create, functools.partial):
        create = create.func
    return getattr(create, "reads_kinds", False)


def network_of(
    create: Callable[..., Callable],
    spec: Observation,
    *arguments: Any,
    adapter: Callable[..., network.Network] | None = None,
) -> network.Network:
    """The network that a function creates from the specs of observations and further arguments. A
    network of the user's sees features where documents are observed as kinds.

    Args:
      adapter: makes a network of a callable with variables that is no network of TF-Agents, such
        as `OfCallable`; None if there must be a network.

    Raises:
      TypeError: for neither a network nor a callable with variables.
    """
    if isinstance(spec.documents, KindSpec) and not sees_kinds(create):
        return OfFeatures(create, spec, arguments, adapter)
    made = create(spec, *arguments)
    if isinstance(made, network.Network):
        return made
    if adapter is None or not callable(made):
        allowed = "a network of TF-Agents"
        allowed += "" if adapter is None else ", or a callable of observations with variables"
        raise TypeError(
            f"{getattr(create, '__name__', create)} must build {allowed}, got {type(made).__name__}"
        )
    return adapter(create, spec, arguments, function=made)


class OfFeatures(CheckedNetwork):
    """A network that sees the features of documents, where these are observed as kinds.

    Args:
      create: a function that creates the network from the specs of observations with features, and
        from `arguments`.
      spec: the specs of observations with kinds.
      arguments, adapter: see `network_of`.
    """

    def __init__(
        self,
        create: Callable[..., Callable],
        spec: Observation,
        arguments: Sequence[Any] = (),
        adapter: Callable[..., network.Network] | None = None,
        name: str | None = None,
    ):
        inner = network_of(create, features_spec(spec), *arguments, adapter=adapter)
        super().__init__(None, inner.state_spec, name or inner.name)
        self.inner, self._observation_spec = inner, spec

    def __getattr__(self, name: str) -> Any:
        if name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)

    def create_variables(self, input_tensor_spec: Nest = None, **kwargs):
        if not self.built:
            self(fields.zeros(self._observation_spec))

    def call(self, observation: Observation, step_type=(), network_state=(), training=False):
        seen = self._with_features(observation)
        return self.inner(seen, step_type, network_state, training=training)

    def slate_value(self, observation: Observation, slate: tf.Tensor) -> tf.Tensor:
        """The values of slates, for networks that have them."""
        return self.inner.slate_value(self._with_features(observation), slate)

    def _with_features(self, observation: Observation) -> Observation:
        documents = features_of(observation.documents, self._observation_spec.documents)
        return observation._replace(documents=documents)
