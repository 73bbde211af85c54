"""Linear dynamics with Gaussian noise: random walks, drifting tastes, leaky memories."""

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests, validation
from recsim_tf.core.parameters import parameter
from recsim_tf.core.ranges import known_numbers, shown
from recsim_tf.dynamics.component import Component


class LinearGaussian(Component):
    """next state = transition state + gain control + noise. State: [B, F].

    The control is float [B, G], where there is a `gain`. `transition`, `noise` and
    `initial_scale` are a number, [F] for a diagonal matrix, or a matrix [F, F]; `gain` is
    a number or [F], where G is F, or a matrix [F, G]. Noise is Normal(0, noise noise^T), so that a
    number or diagonal holds standard deviations, and a matrix is lower triangular.

        LinearGaussian(2, transition=0.9, gain=0.2, noise=0.1)

    Args:
      size: F.
      transition: what is left of the state.
      gain: what the control adds; None for no control.
      noise: of a step; None for none.
      initial_loc: [F] or a number, mean of the first state.
      initial_scale: its scale, in the same form as `noise`; None where the first state is
        `initial_loc` itself.
      centred: what is drawn. True draws the next state, for states that were observed. False draws
        the noise alone, for states that are hidden: gradients, variational inference and NUTS then
        go through the draws.

    Raises:
      ValueError: if a shape is wrong, a scale is not positive or not lower triangular, or if states
        without noise should be drawn.
    """

    size: int
    transition: Any = parameter(1.0, rank=2)
    gain: Any = parameter(None, rank=2)
    noise: Any = parameter(None, rank=2)
    initial_loc: Any = parameter(0.0, rank=1)
    initial_scale: Any = parameter(None, rank=2)
    centred: bool = False

    def check(self):
        validation.check_count(size=self.size)
        validation.check_table("initial_loc", self.initial_loc, or_number=True, size=self.size)
        for name in ("transition", "gain", "noise", "initial_scale"):
            if self._value(name) is not None:
                is_scale = name in ("noise", "initial_scale")
                _check_matrix(name, self._value(name), self.size, is_scale)
        if self.centred and self.noise is None:
            raise ValueError("noise must be given to draw states, with centred=True, got None")

    def initial_draws(self, num_rows):
        if self.initial_scale is None:
            return None
        return self._normal(self._first_mean(num_rows), "initial_scale")

    def initial_state(self, draws, num_rows):
        return self._first_mean(num_rows) if self.initial_scale is None else draws

    def innovation(self, state, control):
        if self.noise is None:
            return None
        loc = self._mean(state, control) if self.centred else tf.zeros_like(state)
        return self._normal(loc, "noise")

    def update(self, state, control, innovation):
        if self.centred:
            return innovation
        mean = self._mean(state, control)
        return mean if self.noise is None else mean + innovation

    def _first_mean(self, num_rows: int) -> tf.Tensor:
        return tf.broadcast_to(self.per_user("initial_loc", 2), [num_rows, self.size])

    def _mean(self, state: tf.Tensor, control: tf.Tensor) -> tf.Tensor:
        """[B, F]: the mean of the next state."""
        mean = self._times("transition", state)
        if self.gain is None:
            return mean
        num_rows, num_columns = self._matrix("gain").shape[-2:]
        num_controls = num_columns if num_rows == self.size else self.size
        self.check_control(control, self.dtype, nests.num_rows(state), num_controls)
        return mean + self._times("gain", control)

    def _normal(self, loc: tf.Tensor, name: str) -> tfd.Distribution:
        """The distribution of [B, F] with this mean, and the scale of a parameter."""
        scale = self._matrix(name)
        if scale.shape[-2] == 1:
            return tfd.Independent(tfd.Normal(loc, tf.broadcast_to(scale[..., 0, :], loc.shape)), 1)
        return tfd.MultivariateNormalTriL(loc, scale)

    def _times(self, name: str, vectors: tf.Tensor) -> tf.Tensor:
        """[B, F]: the matrix of a parameter times vectors [B, G]."""
        matrix = self._matrix(name)
        if matrix.shape[-2] != self.size:  # A number or a diagonal.
            return matrix[..., 0, :] * vectors
        if matrix.shape.rank == 2:
            return tf.matmul(vectors, matrix, transpose_b=True)
        return tf.linalg.matvec(matrix, vectors)

    def _matrix(self, name: str) -> tf.Tensor:
        """A matrix of [F, G], or [1, F] or [1, 1] for a diagonal; with [B] in front where it
        differs between users.
        """
        value = self.per_user(name, 3)
        return value if value.shape.rank > 1 else value[tf.newaxis]


def _check_matrix(name: str, value: Any, size: int, is_scale: bool) -> None:
    shape = validation.table_shape(name, value)
    # Of each user, a number and a diagonal have the axes of a matrix too.
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
