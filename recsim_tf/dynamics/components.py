# SPDX-License-Identifier: Apache-2.0
"""Components: constant draws, rows of tables, histories, Markov chains and linear dynamics.

The constructors raise `ValueError` for an argument with a wrong shape or out of range.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import Count
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.ranges import known_numbers, shown
from recsim_tf.core.base.types import Nest
from recsim_tf.core.distributions import logsumexp
from recsim_tf.dynamics.component import Component


class Static(Component):
    """A state that is drawn at the start and does not change.

        Static(lambda num_rows: tfd.Normal(tf.zeros([num_rows]), 1.0))

    The prior has no parameters to fit. A class derived from `Component` may have some, which its
    `initial_draws` reads.

    Args:
      prior: a function from a number of rows B to the state's distribution, of batch shape [B].
    """

    prior: Callable[[int], tfd.Distribution]

    def initial_draws(self, num_rows: int):
        distribution = self.prior(num_rows)
        if not isinstance(distribution, tfd.Distribution):
            raise ValueError(f"prior must return a distribution, got {distribution}")
        return distribution


class FromTable(Component):
    """A row of a table, which is picked at the start and kept. The state is [B, F].

    The draw is the position of the row, int32 [B], so a fit to a log without it sums over all rows
    exactly. `FromTable(np.eye(n))` is one of n classes, one-hot.

    Args:
      table: [n, F].
      logits: [n], the logits of the rows; a number for equally likely rows, and -inf for a row that
        is never picked.
    """

    table: Any = parameter(rank=2)
    logits: Any = parameter(0.0, rank=1, low=-np.inf)

    def check(self):
        validation.check_table("table", self.table, n=None, F=None)
        validation.check_table("logits", self.logits, or_number=True, n=self.length)
        validation.check_logits("logits", self.logits)

    @property
    def length(self) -> int:
        """The number of rows, n."""
        return validation.table_shape("table", self.table)[-2]

    def initial_draws(self, num_rows: int):
        logits = self.per_user("logits", 2)
        logits = tf.broadcast_to(logits, [*logits.shape[:-1], self.length])
        return tfd.BatchBroadcast(tfd.Categorical(logits=logits), [num_rows])

    def initial_state(self, draws: Nest, num_rows: int):
        return nests.lookup(self.per_user("table", 3), draws, 2)


class History(Component):
    """The last k controls. The state is [B, k, ...], the newest last, with zeros before the start.

    The control is float [B, ...]. `Where(Keep(), History(...))` records only some of the steps.

    Args:
      length: k.
      shape: the shape of the control of one row.
    """

    length: Count
    shape: tuple[Count, ...] = ()

    def initial_state(self, draws: Nest, num_rows: int):
        return tf.zeros([num_rows, self.length, *self.shape], self.dtype)

    def update(self, state: Nest, control: Nest, innovation: Nest):
        self.check_control(control, self.dtype, nests.num_rows(state), *self.shape)
        return tf.concat([state[:, 1:], control[:, tf.newaxis]], axis=1)


class MarkovChain(Component):
    """A Markov chain of n states, one-hot [B, n]. Controls may choose between transition tables.

    The control is int32 [B], in [0, A), where there are several tables. A relaxed state, which is
    weights [B, n], has the distribution of the next state for these weights.

    Args:
      logits: [n, n], with the transitions from state i in row i; or [A, n, n], a table for each
        control. -inf stands for a transition that never happens.
      initial_logits: [n], the logits of the first state; a number for equally likely states.
    """

    logits: Any = parameter(rank=3, low=-np.inf)
    initial_logits: Any = parameter(0.0, rank=1, low=-np.inf)

    def check(self):
        shape = validation.table_shape("logits", self.logits)
        if shape.rank < 2 or shape[-1] != shape[-2]:
            raise ValueError(f"logits must have shape [n, n] or [controls, n, n], got {shape}")
        states = {"num_states": self.num_states}
        validation.check_table("initial_logits", self.initial_logits, or_number=True, **states)
        for name in ("logits", "initial_logits"):
            validation.check_logits(name, self._value(name))

    @property
    def num_states(self) -> int:
        """The number of states, n."""
        return validation.table_length("logits", self.logits)

    def initial_draws(self, num_rows: int):
        logits = self.per_user("initial_logits", 2)
        logits = tf.broadcast_to(logits, [*logits.shape[:-1], self.num_states])
        return tfd.BatchBroadcast(tfd.Categorical(logits=logits), [num_rows])

    def initial_state(self, draws: Nest, num_rows: int):
        return tf.one_hot(draws, self.num_states, dtype=self.dtype)

    def innovation(self, state: Nest, control: Nest):
        table = self.per_user("logits", 4)
        if table.shape.rank == 2:
            table = table[tf.newaxis]
        if table.shape[-3] > 1:
            self.check_control(control, tf.int32, nests.num_rows(state))
            table = nests.lookup(table, control, 3)
        else:
            table = table[..., 0, :, :]
        possible = state > 0
        weights = tf.where(possible, tf.math.log(tf.where(possible, state, 1)), -np.inf)
        # [B, n, n]: the last axis is the present state, and the axis before it the next state.
        from_each = tf.linalg.matrix_transpose(tf.nn.log_softmax(table)) + weights[:, tf.newaxis]
        return tfd.Categorical(logits=logsumexp(from_each))

    def update(self, state: Nest, control: Nest, innovation: Nest):
        return tf.one_hot(innovation, self.num_states, dtype=self.dtype)


class LinearGaussian(Component):
    """A linear Gaussian state, whose next state is transition state + gain control + noise. The
    state is [B, F].

    The control is float [B, G], where there is a `gain`. `transition`, `noise` and
    `initial_scale` are a number, [F] for a diagonal matrix, or a matrix [F, F]; `gain` is
    a number or [F], where G is F, or a matrix [F, G]. Noise is Normal(0, noise noise^T), so that a
    number or diagonal holds standard deviations, and a matrix is lower triangular.

        LinearGaussian(2, transition=0.9, gain=0.2, noise=0.1)

    Args:
      size: F.
      transition: the factor of the state.
      gain: the factor of the control; None for no control.
      noise: the scale of the noise of a step; None for no noise.
      initial_loc: [F] or a number, the mean of the first state.
      initial_scale: the scale of the first state, in the form of `noise`; None where the first
        state is `initial_loc`.
      centred: whether the draw is the next state, for states that were observed. Otherwise it is
        the noise, for hidden states: gradients, variational inference and NUTS use the draws.
    """

    size: Count
    transition: Any = parameter(1.0, rank=2)
    gain: Any = parameter(None, rank=2)
    noise: Any = parameter(None, rank=2)
    initial_loc: Any = parameter(0.0, rank=1)
    initial_scale: Any = parameter(None, rank=2)
    centred: bool = False

    def check(self):
        validation.check_table("initial_loc", self.initial_loc, or_number=True, size=self.size)
        for name in ("transition", "gain", "noise", "initial_scale"):
            if self._value(name) is not None:
                is_scale = name in ("noise", "initial_scale")
                _check_matrix(name, self._value(name), self.size, is_scale)
        if self.centred and self.noise is None:
            raise ValueError("noise must be given to draw states, with centred=True, got None")

    def initial_draws(self, num_rows: int):
        if self.initial_scale is None:
            return None
        return self._normal(self._first_mean(num_rows), "initial_scale")

    def initial_state(self, draws: Nest, num_rows: int):
        return self._first_mean(num_rows) if self.initial_scale is None else draws

    def innovation(self, state: Nest, control: Nest):
        if self.noise is None:
            return None
        loc = self._mean(state, control) if self.centred else tf.zeros_like(state)
        return self._normal(loc, "noise")

    def update(self, state: Nest, control: Nest, innovation: Nest):
        if self.centred:
            return innovation
        mean = self._mean(state, control)
        return mean if self.noise is None else mean + innovation

    def _first_mean(self, num_rows: int) -> tf.Tensor:
        return tf.broadcast_to(self.per_user("initial_loc", 2), [num_rows, self.size])

    def _mean(self, state: tf.Tensor, control: tf.Tensor) -> tf.Tensor:
        """The mean of the next state, [B, F]."""
        mean = self._times("transition", state)
        if self.gain is None:
            return mean
        num_rows, num_columns = self._matrix("gain").shape[-2:]
        num_controls = num_columns if num_rows == self.size else self.size
        self.check_control(control, self.dtype, nests.num_rows(state), num_controls)
        return mean + self._times("gain", control)

    def _normal(self, loc: tf.Tensor, name: str) -> tfd.Distribution:
        """The normal distribution of [B, F] with this mean and the scale in a parameter."""
        scale = self._matrix(name)
        if scale.shape[-2] == 1:
            return tfd.Independent(tfd.Normal(loc, tf.broadcast_to(scale[..., 0, :], loc.shape)), 1)
        return tfd.MultivariateNormalTriL(loc, scale)

    def _times(self, name: str, vectors: tf.Tensor) -> tf.Tensor:
        """The matrix in a parameter times vectors [B, G], as [B, F]."""
        matrix = self._matrix(name)
        if matrix.shape[-2] != self.size:  # The parameter is a number or a diagonal.
            return matrix[..., 0, :] * vectors
        if matrix.shape.rank == 2:
            return tf.matmul(vectors, matrix, transpose_b=True)
        return tf.linalg.matvec(matrix, vectors)

    def _matrix(self, name: str) -> tf.Tensor:
        """The matrix in a parameter, [F, G], or [1, F] or [1, 1] for a diagonal, with [B] in front
        where it differs between users.
        """
        value = self.per_user(name, 3)
        return value if value.shape.rank > 1 else value[tf.newaxis]


def _check_matrix(name: str, value: Any, size: int, is_scale: bool) -> None:
    shape = validation.table_shape(name, value)
    # With an axis of users, a number and a diagonal have the axes of a matrix too.
    axes = shape[1:] if shape.rank == 3 else shape
    last = axes[-1] if name == "gain" and axes.rank else size
    if axes not in [[], [size], [1, 1], [1, size], [size, last]]:
        raise ValueError(
            f"{name} must be a number, [{size}], [{size}, {last}], or one matrix for each user, got"
            f" the shape {shape}"
        )
    numbers = known_numbers(name, value) if is_scale else None
    if numbers is None:
        return
    is_matrix = axes == [size, size]
    diagonal = np.diagonal(numbers, axis1=-2, axis2=-1) if is_matrix else numbers
    if (diagonal <= 0).any() or (is_matrix and np.triu(numbers, 1).any()):
        raise ValueError(
            f"{name} must be above 0, and lower triangular if a matrix, got {shown(value)}"
        )
