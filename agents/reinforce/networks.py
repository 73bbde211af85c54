# SPDX-License-Identifier: Apache-2.0
"""The networks of the policy gradient: distributions of slates and turns, and values of states."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
import tree
from tensorflow_probability import distributions as tfd
from tf_agents.networks.network import Network

from recsim_tf.agents.shared.callables import OfCallable
from recsim_tf.agents.shared.encoding import num_categories
from recsim_tf.agents.shared.memory import Memory
from recsim_tf.agents.shared.networks import ItemPerceptron, SlateNetwork, apply_layers, perceptron
from recsim_tf.core.base.arguments import Count, configurable
from recsim_tf.core.base.types import Nest, Observation, Turn
from recsim_tf.core.distributions import IndependentParts, PlackettLuce, Shifted
from recsim_tf.core.step import turns

# The logit of a number outside of the range of its part of the query. Its probability is 0 in every
# dtype, and its gradient is finite.
_IMPOSSIBLE = -1e9


@configurable
class SlatePolicyNetwork(SlateNetwork):
    """A `PlackettLuce` distribution over the slates of the candidates.

    The logit of a candidate is a multilayer perceptron on the observations of the user and of the
    candidate. A call with an observation of B users and N candidates returns (distribution of batch
    shape [B], network_state).

    Args:
      observation_spec: `Observation` of specs.
      slate_size: size of slates K.
      hidden_units: sizes of the hidden layers, at least one.
      memory: the memory of a session, on which logits then depend; or None.
      items: a function that builds the layer of the logits from the observation spec and the hidden
        units; or `TwoTowers`, which needs less computation for each candidate, and may have no
        hidden layer.
    """

    def __init__(
        self,
        observation_spec: Observation,
        slate_size: Count,
        hidden_units: Sequence[Count] = (64, 64),
        memory: Memory | None = None,
        items: Callable[..., tf.keras.layers.Layer] = ItemPerceptron,
        name: str = "SlatePolicyNetwork",
    ):
        super().__init__(observation_spec, name, memory)
        self._slate_size = slate_size
        self._logits = items(observation_spec, hidden_units)

    def create_variables(self, input_tensor_spec: Nest = None, **kwargs):
        super().create_variables(input_tensor_spec, **kwargs)
        return tf.TensorSpec([self._slate_size], tf.int32)

    def _outputs(self, users: tf.Tensor, documents: Nest):
        return self._logits(users, documents)

    def _result(self, outputs: tf.Tensor):
        return PlackettLuce(outputs, self._slate_size)


class SlatePolicyOfCallable(OfCallable):
    """A `PlackettLuce` distribution over slates, whose logits [B, N] a callable with variables
    returns.

    Args:
      create, spec, arguments, function: see `OfCallable`; the argument is the size of slates K.
    """

    def __init__(
        self,
        create: Callable[..., Callable],
        spec: Observation,
        arguments: Sequence[int],
        function: Callable | None = None,
        name: str | None = None,
    ):
        super().__init__(create, spec, arguments, {"logits": True}, function, name)
        (self._slate_size,) = arguments

    def create_variables(self, input_tensor_spec: Nest = None, **kwargs):
        super().create_variables(input_tensor_spec, **kwargs)
        return tf.TensorSpec([self._slate_size], tf.int32)

    def call(self, observation: Observation, step_type=(), network_state=(), training=False):
        logits, network_state = super().call(observation, step_type, network_state)
        return PlackettLuce(logits, self._slate_size), network_state


@configurable
class StateValueNetwork(SlateNetwork):
    """The value of a state: a multilayer perceptron on the user's observation and the mean
    observation of the candidates.

    A call with an observation of B users returns (value float [B], network_state).

    Args:
      observation_spec: `Observation` of specs.
      hidden_units: sizes of the hidden layers.
      memory: the memory of a session, or None.
    """

    def __init__(
        self,
        observation_spec: Observation,
        hidden_units: Sequence[Count] = (64, 64),
        memory: Memory | None = None,
        name: str = "StateValueNetwork",
    ):
        super().__init__(observation_spec, name, memory)
        self._value_layers = perceptron(hidden_units, 1, "state")

    def _outputs(self, users: tf.Tensor, documents: Nest):
        documents = tf.reduce_mean(self._encoder.documents(documents), axis=1)
        state = tf.concat([users, documents], axis=-1)
        return tf.squeeze(apply_layers(self._value_layers, state), axis=-1)


@configurable
class TurnPolicyNetwork(SlateNetwork):
    """A distribution over turns: slates of a network for slates, and independent queries, which do
    not depend on a memory.

    The numbers of a query are independent categories. Their logits are a multilayer perceptron on
    the user's observation and the mean observation of the candidates. A call with an observation of
    B users returns (`IndependentParts` of batch shape [B] over `Turn`s, network_state).

    Args:
      observation_spec: `Observation` of specs.
      slate_network: a network that returns (distribution of slates [B], network_state), such as
        `SlatePolicyNetwork`.
      query_spec: spec of the query to a user, of bounded integers and booleans.
      hidden_units: sizes of the hidden layers for the query.

    Raises:
      ValueError: for a part of the query that is neither a bounded integer nor a boolean.
    """

    def __init__(
        self,
        observation_spec: Observation,
        slate_network: Network,
        query_spec: Nest,
        hidden_units: Sequence[Count] = (64, 64),
        name: str = "TurnPolicyNetwork",
    ):
        super().__init__(observation_spec, name)
        self._state_spec = slate_network.state_spec
        self._slate_network = slate_network
        self._query_spec = query_spec
        self._sizes = [_num_logits(path, leaf) for path, leaf in tree.flatten_with_path(query_spec)]
        self._query_layers = perceptron(hidden_units, sum(self._sizes), "query")

    def create_variables(self, input_tensor_spec: Nest = None, **kwargs):
        slate = self._slate_network.create_variables(input_tensor_spec, **kwargs)
        super().create_variables(input_tensor_spec, **kwargs)
        return Turn(slate, self._query_spec)

    def call(self, observation: Observation, step_type=(), network_state=(), training=False):
        slates, network_state = self._slate_network(
            observation, step_type, network_state, training=training
        )
        queries, _ = super().call(observation)
        return IndependentParts(Turn(slates, queries)), network_state

    def _outputs(self, users: tf.Tensor, documents: Nest):
        documents = tf.reduce_mean(self._encoder.documents(documents), axis=1)
        return apply_layers(self._query_layers, tf.concat([users, documents], axis=-1))

    def _result(self, outputs: tf.Tensor):
        leaves, logits = tf.nest.flatten(self._query_spec), tf.split(outputs, self._sizes, axis=-1)
        parts = [_distribution(leaf, part) for leaf, part in zip(leaves, logits, strict=True)]
        return tf.nest.pack_sequence_as(self._query_spec, parts)


def _num_logits(path: tuple, spec: tf.TensorSpec) -> int:
    if spec.dtype.is_bool:
        return spec.shape.num_elements()
    if not num_categories(spec):
        name = ".".join(["query", *map(str, path)])
        raise ValueError(
            f"{name} must be bounded integers or booleans for a policy to draw it, got"
            f" {spec.dtype.name} in {turns.shown_range(spec)}: let a layer's action_format give the"
            " agent a menu of turns"
        )
    return spec.shape.num_elements() * num_categories(spec)


def _distribution(spec: tf.TensorSpec, logits: tf.Tensor) -> tfd.Distribution:
    """The distribution of a part of the query, of batch shape [...], from logits [..., L]."""
    outer = tf.shape(logits)[:-1]
    if spec.dtype.is_bool:
        logits = tf.reshape(logits, tf.concat([outer, spec.shape], axis=0))
        return tfd.Independent(tfd.Bernoulli(logits, dtype=tf.bool), spec.shape.rank)
    number = num_categories(spec)
    logits = tf.reshape(logits, tf.concat([outer, spec.shape, [number]], axis=0))
    low, high = (np.broadcast_to(limit, spec.shape) for limit in turns.limits(spec))
    values = low.min() + np.arange(number)
    possible = (values >= low[..., np.newaxis]) & (values <= high[..., np.newaxis])
    if not possible.all():
        logits = tf.where(possible, logits, _IMPOSSIBLE)
    categories = tfd.Independent(tfd.Categorical(logits, dtype=spec.dtype), spec.shape.rank)
    return Shifted(categories, int(low.min()))
