"""Markov chains with finitely many states: moods, phases, funnels."""

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests, validation
from recsim_tf.core.distributions import logsumexp
from recsim_tf.core.parameters import parameter
from recsim_tf.dynamics.component import Component


class MarkovChain(Component):
    """One of n states, which changes at random; controls may choose between tables of transitions.
    State: one-hot [B, n].

    The control is int32 [B], in [0, A), where there are several tables. A state that is relaxed to
    weights [B, n] has the next state's distribution for these weights.

    Args:
      logits: [n, n], row i of the transitions from state i; or [A, n, n], a table for each control.
        -inf for a transition that never happens.
      initial_logits: [n], of the first state; a number for equally likely states.

    Raises:
      ValueError: if a shape is wrong.
    """

    logits: Any = parameter(rank=3, low=-np.inf)
    initial_logits: Any = parameter(0.0, rank=1, low=-np.inf)

    def check(self):
        shape = validation.table_shape("logits", self.logits)
        if shape.rank < 2 or shape[-1] != shape[-2]:
            raise ValueError(f"logits must have shape [n, n] or [controls, n, n], got {shape}")
        self.num_states, self.num_controls = shape[-1], shape[-3] if shape.rank > 2 else 1
        states = {"num_states": self.num_states}
        validation.check_table("initial_logits", self.initial_logits, or_number=True, **states)

    def initial_draws(self, num_rows):
        logits = self.per_user("initial_logits", 2)
        logits = tf.broadcast_to(logits, [*logits.shape[:-1], self.num_states])
        return tfd.BatchBroadcast(tfd.Categorical(logits=logits), [num_rows])

    def initial_state(self, draws, num_rows):
        return tf.one_hot(draws, self.num_states, dtype=self.dtype)

    def innovation(self, state, control):
        table = self.per_user("logits", 4)
        if table.shape.rank == 2:
            table = table[tf.newaxis]
        if self.num_controls > 1:
            self.check_control(control, tf.int32, nests.num_rows(state))
            table = nests.lookup(table, control, 3)
        else:
            table = table[..., 0, :, :]
        possible = state > 0
        weights = tf.where(possible, tf.math.log(tf.where(possible, state, 1)), -np.inf)
        # [B, n, n], from each state, the last axis, to each.
        from_each = tf.linalg.matrix_transpose(tf.nn.log_softmax(table)) + weights[:, tf.newaxis]
        return tfd.Categorical(logits=logsumexp(from_each))

    def update(self, state, control, innovation):
        return tf.one_hot(innovation, self.num_states, dtype=self.dtype)
