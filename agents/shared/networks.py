# SPDX-License-Identifier: Apache-2.0
"""Parts of the networks of several agents."""

import abc
from collections.abc import Hashable, Sequence
from typing import Any

import tensorflow as tf
from tf_agents.networks import network

from recsim_tf.agents.shared.encoding import ObservationEncoder, has_content
from recsim_tf.agents.shared.memory import Memory, SessionMemory
from recsim_tf.core import nests
from recsim_tf.core.base.arguments import Count, checked
from recsim_tf.core.base.types import Nest, Observation
from recsim_tf.policies import fields


@checked
def perceptron(
    hidden_units: Sequence[Count], outputs: int, name: str, starts_at_zero: bool = False
) -> list[tf.keras.layers.Layer]:
    """The layers of a multilayer perceptron. Its outputs are float32 under every dtype policy, and
    begin at 0 if `starts_at_zero`.
    """
    dense = tf.keras.layers.Dense
    return [
        *(dense(units, "relu", name=f"{name}_hidden") for units in hidden_units),
        dense(
            outputs,
            kernel_initializer="zeros" if starts_at_zero else "glorot_uniform",
            name=f"{name}_value",
            dtype="float32",
        ),
    ]


def apply_layers(layers: Sequence[tf.keras.layers.Layer], inputs: tf.Tensor) -> tf.Tensor:
    """The result of the layers, applied one after the other."""
    for layer in layers:
        inputs = layer(inputs)
    return inputs


@checked
def require_hidden_layer(hidden_units: Sequence[Count]) -> None:
    """Raises `ValueError` if there is no hidden layer, or a size is not positive."""
    if not len(hidden_units):
        raise ValueError("hidden_units must name at least one layer, got none")


def _require_seen(name: str, spec: Observation, observation: Observation) -> None:
    """Raises a ValueError for an observation [B, ...] or [B, T, ...] of any number of documents
    that is not of the specs. The message names the network.
    """
    for part in ("user", "documents", "response"):
        specs, leaves = (tf.nest.flatten(getattr(each, part)) for each in (spec, observation))
        # Networks take any number of documents, which is the first axis of a spec of documents.
        first = 0 if part == "user" else 1
        fits = len(specs) == len(leaves) and all(
            leaf.dtype == spec.dtype
            and (outer := leaf.shape.rank - spec.shape.rank) in (1, 2)
            and leaf.shape[outer + first :].is_compatible_with(spec.shape[first:])
            for spec, leaf in zip(specs, leaves, strict=True)
        )
        if not fits:
            expected, got = (
                ", ".join(f"{leaf.dtype.name} {leaf.shape}" for leaf in each) or "nothing"
                for each in (specs, leaves)
            )
            raise ValueError(
                f"{name} was made for {part} of {expected} after the axis of users, got {got} with"
                " this axis; a policy takes the observations of the environment and layers that"
                " its agent learned from"
            )


class CheckedNetwork(network.Network):
    """A network that refuses observations of other specs than its own."""

    _observation_spec: Observation

    def __call__(self, observation: Observation, *args: Any, **kwargs: Any):
        # Here Keras adds nothing to the message.
        _require_seen(self.name, self._observation_spec, observation)
        return super().__call__(observation, *args, **kwargs)


class SlateNetwork(CheckedNetwork):
    """A network on `Observation`s of any number of documents, candidates or slates.

    A call with observations [B, ...] is a step, and a call with [B, T, ...] is T steps; the results
    have the same outer axes. With a memory it is a recurrent network of TF-Agents: it takes step
    types and a state, and returns the next state.

    A subclass has `_outputs`, and `_result` if the result is not a tensor. Traces of eager rollouts
    are kept for a network, so apart from its variables it must not change after its first call.

    Args:
      observation_spec: `Observation` of specs.
      memory: the memory of a session, or None.
    """

    reads_kinds = True

    def __init__(self, observation_spec: Observation, name: str, memory: Memory | None = None):
        session_memory = None if memory is None else SessionMemory(observation_spec, memory)
        # With a spec TF-Agents would require the same number of documents in every input.
        super().__init__(
            input_tensor_spec=None,
            state_spec=() if session_memory is None else session_memory.state_spec,
            name=name,
        )
        self._observation_spec = observation_spec
        self._encoder = ObservationEncoder(observation_spec)
        self._memory = session_memory
        # A user without observed content is described by the memory alone.
        self._sees_users = session_memory is None or has_content(observation_spec.user)

    def trace_key(self) -> Hashable:
        """The network itself: only its variables change."""
        return self

    def create_variables(self, input_tensor_spec: Nest = None, **kwargs):
        if not self.built:
            self(fields.zeros(self._observation_spec))

    def call(self, observation: Observation, step_type=(), network_state=(), training=False):
        outer = self._outer(observation)
        frames = observation if len(outer) == 1 else nests.merge_outer(observation)
        users = [self._encoder.user(frames)] if self._sees_users else []
        if self._memory is not None:
            vectors, network_state = self._memory(frames, outer, step_type, network_state)
            users.append(vectors)
        users = users[0] if len(users) == 1 else tf.concat(users, axis=-1)
        outputs = self._outputs(users, frames.documents)
        if len(outer) == 2:
            outputs = tf.nest.map_structure(
                lambda leaf: tf.reshape(leaf, [*outer, *leaf.shape[1:]]), outputs
            )
        return self._result(outputs), network_state

    @abc.abstractmethod
    def _outputs(self, users: tf.Tensor, documents: Nest) -> Nest:
        """The outputs, a nest of [B, ...], for users float32 [B, F] and documents [B, N, ...]."""

    def _result(self, outputs: Nest):
        """The result of the network from outputs [B, ...] or [B, T, ...]."""
        return outputs

    def _outer(self, observation: Observation) -> list:
        """The lengths of the outer axes, [B] or [B, T]; scalar tensors if they are not static."""
        leaf = tf.nest.flatten(observation.documents)[0]
        number = leaf.shape.rank - tf.nest.flatten(self._observation_spec.documents)[0].shape.rank
        lengths = tf.shape(leaf)
        return [
            lengths[axis] if leaf.shape[axis] is None else leaf.shape[axis]
            for axis in range(number)
        ]


class ItemPerceptron(tf.keras.layers.Layer):
    """Numbers for each item: a multilayer perceptron on the vectors of a user and of an item,
    shared by all items.

    A call with users float32 [B, F] and observed documents returns float32 [B, N], or
    [B, N, outputs] if an item has several numbers.

    Args:
      observation_spec: `Observation` of specs.
      hidden_units: sizes of the hidden layers, at least one.
      sees_user: whether the user's vector is an input too.
      outputs: number of outputs for each item.
      starts_at_zero: whether all items begin with the numbers 0.
    """

    def __init__(
        self,
        observation_spec: Observation,
        hidden_units: Sequence[Count],
        sees_user: bool = True,
        outputs: int = 1,
        starts_at_zero: bool = False,
    ):
        super().__init__(name="items", autocast=False)
        require_hidden_layer(hidden_units)
        self._encoder = ObservationEncoder(observation_spec)
        self._is_single = outputs == 1
        dense = tf.keras.layers.Dense
        self._user_layer = dense(hidden_units[0], name="user") if sees_user else None
        self._item_layer = dense(hidden_units[0], use_bias=not sees_user, name="item")
        self._layers_above = perceptron(hidden_units[1:], outputs, "item", starts_at_zero)

    def call(self, users: tf.Tensor, documents: Nest):
        numbers = self._numbers(users, documents)
        return tf.squeeze(numbers, axis=-1) if self._is_single else numbers

    def _numbers(self, users: tf.Tensor, documents: Nest) -> tf.Tensor:
        """The numbers [B, N, outputs] of documents."""
        if self._encoder.kinds is not None:
            if self._user_layer is None:
                return self._encoder.through(self._of_rows, documents)
            of_users = self._user_layer(users)[:, tf.newaxis]
            hidden = tf.nn.relu(of_users + self._encoder.through(self._item_layer, documents))
            rows = tf.reshape(hidden, [-1, hidden.shape[2]])
            return _on_axes(apply_layers(self._layers_above, rows), tf.shape(documents))
        items = self._encoder.documents(documents)
        outer = tf.shape(items)[:2]
        rows = tf.reshape(items, [-1, items.shape[2]])
        if self._user_layer is None:
            return _on_axes(self._of_rows(rows), outer)
        # A single product over rows of user and item: TensorFlow fuses it with bias and ReLU, but
        # does not over three axes.
        if not self._user_layer.built:
            self._user_layer(users)
            self._item_layer(rows)
        repeated = tf.broadcast_to(
            users[:, tf.newaxis], tf.concat([outer, tf.shape(users)[1:]], axis=0)
        )
        repeated = tf.reshape(repeated, [-1, users.shape[1]])
        kernel = tf.concat([self._user_layer.kernel, self._item_layer.kernel], axis=0)
        rows, kernel, bias = (
            tf.cast(value, self._user_layer.compute_dtype)
            for value in (tf.concat([repeated, rows], axis=1), kernel, self._user_layer.bias)
        )
        hidden = tf.nn.relu(tf.nn.bias_add(tf.matmul(rows, kernel), bias))
        return _on_axes(apply_layers(self._layers_above, hidden), outer)

    def _of_rows(self, rows: tf.Tensor) -> tf.Tensor:
        """The numbers [R, outputs] of vectors [R, F] of documents, where no user is seen."""
        return apply_layers(self._layers_above, tf.nn.relu(self._item_layer(rows)))


def _on_axes(rows: tf.Tensor, outer: tf.Tensor) -> tf.Tensor:
    """Rows [B * N, ...] as [B, N, ...]."""
    return tf.reshape(rows, tf.concat([outer, tf.shape(rows)[1:]], axis=0))
