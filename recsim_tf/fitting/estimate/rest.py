"""Whether a stochastic search has come to rest."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

# The passes whose gradients count: the last ones, and no more than this part of all.
_LAST_PASSES, _PART_OF_PASSES = 20, 0.25
_FEWEST_BATCHES = 4
_STANDARD_ERRORS = 3.0
# Where there is no noise, the search is at rest if no more than this part of the first gradient is
# left.
_FLAT = 1e-3


class Rest(tf.Module):
    """Tells whether the gradient has become zero, but for noise.

    The likelihood itself does not tell. Its noise hides how it rises, and where the learning rate
    decays it rises no more wherever the search is. A search that ends away from the maximum has a
    gradient whose mean over the last passes is not zero.

    Args:
      variables: that are searched over.
      passes: of the whole search.
      num_batches: minibatches of a pass.
    """

    def __init__(self, variables: Sequence[tf.Variable], passes: int, num_batches: int):
        super().__init__()
        last_passes = min(_LAST_PASSES, int(_PART_OF_PASSES * passes))
        self._start, self._num_batches = passes - last_passes, num_batches
        self._count = last_passes * num_batches
        self._first, self._sum, self._squares = (
            [tf.Variable(np.zeros(variable.shape)) for variable in variables] for _ in range(3)
        )

    def add(self, number: int, gradients: Sequence[tf.Tensor]) -> None:
        """Takes the gradient of a minibatch, the sum over its sessions, for each variable; its pass
        is the given one, from 0.
        """
        if 0 < number < self._start:
            return
        columns = zip(gradients, self._first, self._sum, self._squares, strict=True)
        for part, first, total, squares in columns:
            gradient = tf.cast(part, tf.float64)
            if number == 0:
                first.assign_add(gradient / self._num_batches)
            if number >= self._start:
                total.assign_add(gradient)
                squares.assign_add(gradient**2)

    def is_reached(self) -> bool:
        """Whether the mean of the last gradients is zero within three of its standard errors, or
        has almost vanished, for each variable; a table counts by its root mean square.
        """
        if self._count < _FEWEST_BATCHES:
            return False
        return all(map(self._is_zero, self._first, self._sum, self._squares))

    def _is_zero(self, first: tf.Variable, total: tf.Variable, squares: tf.Variable) -> bool:
        mean = total.numpy() / self._count
        variance = (squares.numpy() / self._count - mean**2) / (self._count - 1)
        noise = _STANDARD_ERRORS**2 * np.mean(np.maximum(variance, 0))
        return bool(np.mean(mean**2) <= max(noise, _FLAT**2 * np.mean(first.numpy() ** 2)))
