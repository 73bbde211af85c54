"""What came last."""

import tensorflow as tf

from recsim_tf.core import nests, validation
from recsim_tf.dynamics.component import Component


class History(Component):
    """The last k controls. State: [B, k, ...], the newest last; zeros where fewer came.

    The control is float [B, ...]. `Where(Keep(), History(...))` records only some of the steps.

    Args:
      length: k.
      shape: of the control of one row.

    Raises:
      ValueError: if a size is below 1.
    """

    length: int
    shape: tuple[int, ...] = ()

    def check(self):
        validation.check_count(length=self.length)
        validation.check_sizes(shape=self.shape)

    def initial_state(self, draws, num_rows):
        return tf.zeros([num_rows, self.length, *self.shape], self.dtype)

    def update(self, state, control, innovation):
        self.check_control(control, self.dtype, nests.num_rows(state), *self.shape)
        return tf.concat([state[:, 1:], control[:, tf.newaxis]], axis=1)
