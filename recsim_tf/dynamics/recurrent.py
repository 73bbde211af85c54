"""A recurrent cell, whose weights are parameters."""

from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.core import nests, random, validation
from recsim_tf.core.parameters import parameter
from recsim_tf.dynamics.component import Component


class Recurrent(Component):
    """A gated recurrent unit (Cho et al. 2014, arXiv 1406.1078). It is Keras's `GRUCell`, and takes
    its weights as they are. State: [B, H], zeros at the start.

    The control is float [B, I]. The weights are three tables, so they are fitted, given priors and
    saved like other parameters. Tables that are None begin as in Keras: a kernel by Glorot and
    Bengio 2010, an orthogonal recurrent kernel, and a bias of zeros.

    Args:
      size: H.
      num_inputs: I.
      kernel: [I, 3 H], of the inputs to update gate, reset gate and candidate state.
      recurrent_kernel: [H, 3 H], of the state.
      bias: [2, 3 H], of inputs and of state.
      seed: of the tables that are None, an integer.

    Raises:
      ValueError: if a size or a shape is wrong.
    """

    size: int
    num_inputs: int
    kernel: Any = parameter(None, rank=2)
    recurrent_kernel: Any = parameter(None, rank=2)
    bias: Any = parameter(None, rank=2)
    seed: int = 0

    def check(self):
        validation.check_count(size=self.size, num_inputs=self.num_inputs)
        random.as_seed(self.seed)
        gates, generator = 3 * self.size, np.random.default_rng(self.seed)
        limit = np.sqrt(6 / (self.num_inputs + gates))
        drawn = generator.uniform(-limit, limit, [self.num_inputs, gates])
        if self.kernel is None:
            self.kernel = drawn.astype(self.dtype.as_numpy_dtype)
        if self.recurrent_kernel is None:
            rows, _ = np.linalg.qr(generator.standard_normal([gates, self.size]))
            self.recurrent_kernel = rows.T.astype(self.dtype.as_numpy_dtype)
        if self.bias is None:
            self.bias = np.zeros([2, gates], self.dtype.as_numpy_dtype)
        columns = {"3 * size": gates}
        validation.check_table("kernel", self.kernel, num_inputs=self.num_inputs, **columns)
        validation.check_table("recurrent_kernel", self.recurrent_kernel, size=self.size, **columns)
        validation.check_table("bias", self.bias, rows=2, **columns)

    def initial_state(self, draws, num_rows):
        return tf.zeros([num_rows, self.size], self.dtype)

    def update(self, state, control, innovation):
        self.check_control(control, self.dtype, nests.num_rows(state), self.num_inputs)
        bias = self.per_user("bias", 3)
        inputs = _times(control, self.per_user("kernel", 3)) + bias[..., 0, :]
        states = _times(state, self.per_user("recurrent_kernel", 3)) + bias[..., 1, :]
        update, reset, candidate = tf.split(inputs, 3, axis=-1)
        state_update, state_reset, state_candidate = tf.split(states, 3, axis=-1)
        kept = tf.sigmoid(update + state_update)
        candidate = tf.tanh(candidate + tf.sigmoid(reset + state_reset) * state_candidate)
        return kept * state + (1 - kept) * candidate


def _times(vectors: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Vectors [B, I] times a kernel [I, O] or [B, I, O]."""
    if kernel.shape.rank == 2:
        return tf.matmul(vectors, kernel)
    return tf.linalg.matvec(kernel, vectors, transpose_a=True)
