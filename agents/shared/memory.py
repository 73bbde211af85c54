# SPDX-License-Identifier: Apache-2.0
"""The memory of networks, which summarises the slates and responses of a session."""

import dataclasses
from typing import NamedTuple

import tensorflow as tf
import tree
from tf_agents.keras_layers import dynamic_unroll_layer
from tf_agents.trajectories import time_step as ts

from recsim_tf.agents.shared.encoding import element_spec, encode, has_content, num_categories
from recsim_tf.core.base.arguments import Count, configurable
from recsim_tf.core.base.types import Nest, Observation
from recsim_tf.policies import fields

_MAX_STEPS = 5  # most steps of the cell at once; more take long to compile


@configurable(module="recsim_tf.agents")
@dataclasses.dataclass(frozen=True)
class Memory:
    """The size of the memory of a network.

    Args:
      units: number of units H of the gated recurrent unit (Cho et al. 2014, arXiv 1406.1078).
      item_units: length of the vector of a position.
    """

    units: Count = 32
    item_units: Count = 16


class MemoryState(NamedTuple):
    """The state of the memory before an observation; zeros at the start of a session."""

    hidden: tf.Tensor  # float32 [B, H]
    started: tf.Tensor  # float32 [B], 0 at the start of a session, else 1


class SessionMemory(tf.keras.layers.Layer):
    """A gated recurrent unit on the user's observation and the response to the last slate.

    The response to each position goes through a dense layer. The results are summed over the
    clicked positions and over the other positions, so their order does not count. A step of type
    FIRST resets the memory: there was no slate, and the response is ignored.

    Args:
      observation_spec: `Observation` of specs.
      options: the size of the memory.
    """

    def __init__(self, observation_spec: Observation, options: Memory):
        super().__init__(name="memory", dtype="float32")
        response = observation_spec.response
        self._user_spec = observation_spec.user
        self._is_by_position = _has_positions(response)
        positions, self._rest_spec = self._split(response)
        self._position_layer = Rows(element_spec(positions), options.item_units)
        self._cell = _SeveralSteps(tf.keras.layers.GRUCell(options.units, dtype="float32"))
        self._unroll = dynamic_unroll_layer.DynamicUnroll(self._cell, dtype="float32")
        self.state_spec = MemoryState(
            tf.TensorSpec([options.units], tf.float32, "hidden"),
            tf.TensorSpec([], tf.float32, "started"),
        )

    def call(self, frames: Observation, outer: list, step_type: Nest = (), state: Nest = ()):
        """The memory of each frame, float32 [B, H] or [B * T, H], and the last state.

        Args:
          frames: `Observation` of [B, ...], or of [B * T, ...], users first.
          outer: the outer axes [B], or [B, T].
          step_type: int32 [B] or [B, T]; () if no session begins.
          state: `MemoryState` before the first frame; () for the start of a session.
        """
        if not tf.nest.flatten(state):
            state = fields.zeros(self.state_spec, outer[0])
        continues, resets = tf.ones(outer), tf.zeros(outer, tf.bool)
        if len(outer) == 2:
            continues = tf.concat([state.started[:, tf.newaxis], continues[:, 1:]], axis=1)
        else:
            continues *= state.started
        if tf.is_tensor(step_type):
            resets = step_type == ts.StepType.FIRST
            continues = tf.where(resets, 0.0, continues)
        inputs = self._inputs(frames, tf.reshape(continues, [-1, 1]))
        length = outer[1] if len(outer) == 2 else 1
        steps = _steps_together(length)
        shape = [outer[0], length // steps, steps]
        vectors, hidden = self._unroll(
            (tf.reshape(inputs, [*shape, inputs.shape[-1]]), tf.reshape(resets, shape)),
            state.hidden,
        )
        vectors = tf.reshape(vectors, [-1, vectors.shape[-1]])
        return vectors, MemoryState(hidden, tf.ones_like(state.started))

    def _inputs(self, frames: Observation, continues: tf.Tensor) -> tf.Tensor:
        """The inputs of the unit for frames [R, ...], float32 [R, I]. `continues` [R, 1] is 0 at
        the start of a session.
        """
        positions, rest = self._split(frames.response)
        parts = [encode(frames.user, self._user_spec, 1)] if has_content(self._user_spec) else []
        if positions:
            rows = tf.nn.relu(self._position_layer(positions))
            clicked = tf.cast(frames.response.clicked, tf.float32)[..., tf.newaxis]
            parts += [
                continues * tf.reduce_sum(weights * rows, axis=1)
                for weights in (clicked, 1 - clicked)
            ]
        if rest:
            parts.append(continues * encode(rest, self._rest_spec, 1))
        return tf.concat(parts, axis=-1)

    def _split(self, response: Nest) -> tuple[list, list]:
        """The leaves of a response with an axis of positions, and the other leaves."""
        parts: tuple[list, list] = ([], [])
        leaves = tf.nest.flatten(response)
        for leaf, is_by_position in zip(leaves, self._is_by_position, strict=True):
            parts[not is_by_position].append(leaf)
        return parts


class _SeveralSteps(tf.keras.layers.Layer):
    """A cell that takes a few steps of another Keras cell at once, for `DynamicUnroll`.

    Under XLA the gradient of a loop that reads an array of T steps copies such an array in each
    step. So a loop with few steps is faster.

    The inputs are those of C steps, float [B, C, I], and the steps that reset the state, bool
    [B, C].
    """

    def __init__(self, cell: tf.keras.layers.Layer):
        super().__init__(name="several_steps", dtype="float32")
        self._cell = cell
        self.state_size = cell.state_size
        self.output_size = tf.TensorShape([None, cell.output_size])

    def get_initial_state(self, inputs=None, batch_size=None, dtype=None):
        return self._cell.get_initial_state(inputs, batch_size, dtype)

    def call(self, inputs: Nest, state: Nest, training: bool = False):
        outputs = []
        for rows, resets in zip(*(tf.unstack(leaf, axis=1) for leaf in inputs), strict=True):
            state = tf.where(resets[:, tf.newaxis], 0.0, state)
            output, state = self._cell(rows, state, training=training)
            outputs.append(output)
        return tf.stack(outputs, axis=1), state


def _steps_together(length: int | tf.Tensor) -> int:
    """The steps of the cell at once: the largest divisor of `length` up to `_MAX_STEPS`."""
    if tf.is_tensor(length):
        return 1
    return max(steps for steps in range(1, _MAX_STEPS + 1) if length % steps == 0)


class Rows(tf.keras.layers.Layer):
    """A dense layer on the encoding of observations [R, K, ...] (see `encoding.encode`), float32
    [R, K, units]. It looks up the rows of integers instead of multiplying by one-hot vectors.

    Args:
      spec: spec of an observation, without the axes R and K.
      units: number of outputs.
    """

    def __init__(self, spec: Nest, units: int):
        super().__init__(name="position", dtype="float32")
        self._specs = tf.nest.flatten(spec)
        self._dense = tf.keras.layers.Dense(units, name="numbers", dtype="float32")
        self._tables = [
            tf.keras.layers.Embedding(
                num_categories(leaf),
                units,
                # Rows are looked up singly, so they begin with the same scale as the numbers.
                tf.keras.initializers.RandomNormal(stddev=0.5),
                name="integers",
                dtype="float32",
            )
            for leaf in self._specs
            if _is_integer(leaf)
        ]

    def call(self, observation: Nest):
        leaves = list(zip(tf.nest.flatten(observation), self._specs, strict=True))
        integers = [pair for pair in leaves if _is_integer(pair[1])]
        numbers = [pair for pair in leaves if not _is_integer(pair[1])]
        total = self._dense(encode([leaf for leaf, _ in numbers], [spec for _, spec in numbers], 2))
        for (leaf, spec), table in zip(integers, self._tables, strict=True):
            if not table.built:
                table(leaf)
            # The product with 1 makes the gradient dense.
            total += tf.gather(1.0 * table.embeddings, leaf - int(spec.minimum.min()))
        return total


def _is_integer(spec: tf.TensorSpec) -> bool:
    return not spec.shape.rank and num_categories(spec) > 0


def _has_positions(response_spec: Nest) -> list[bool]:
    """True if each leaf of a response has the axis of positions, which `clicked` has."""
    leaves = tree.flatten_with_path(response_spec)
    positions = [spec.shape for path, spec in leaves if path == ("clicked",)]
    return [spec.shape[:1] in positions for _, spec in leaves]
