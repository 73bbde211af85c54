"""Which draws a distribution can make."""

import functools
from typing import Any

import numpy as np
import tensorflow as tf
import tree
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.distributions.outcomes import num_outcomes

_MASKED: Any = random.public_or_private(tfd.Masked)
_WRAPPERS: Any = tuple(map(random.public_or_private, (tfd.BatchBroadcast, tfd.Independent)))


def outside(distribution: tfd.Distribution, draw) -> tf.Tensor:
    """Which rows hold an outcome that a part of the distribution, one of finitely many outcomes,
    does not have; their log-probability may be anything, or an error.

    Args:
      distribution: of batch shape [B].
      draw: a nest of [B, ...].

    Returns:
      bool [B].
    """
    bad = _outside(distribution, draw)
    num_rows = tf.nest.flatten(draw)[0].shape[0]
    return tf.zeros([num_rows], tf.bool) if bad is None else _by_row(bad)


def impossible(distribution: tfd.Distribution, draw) -> tf.Tensor:
    """Which rows hold a draw whose log-probability is NaN or -inf, also where floats are moved by
    a rounding error: a draw may be rounded to the end of its range.

    Args:
      distribution: of batch shape [B].
      draw: a nest of [B, ...], none of it `outside`.

    Returns:
      bool [B].
    """
    found = tf.constant(True)
    for sign in (0, -1, 1):
        moved = tf.nest.map_structure(lambda leaf, sign=sign: _moved(leaf, sign), draw)
        log_prob = distribution.log_prob(moved)
        # Not as "not above -inf": TensorFlow makes "at most -inf" of that, which NaN is not.
        found &= tf.math.is_nan(log_prob) | (log_prob == -np.inf)
        if not _has_floats(draw):
            break
    return found


def _moved(leaf: tf.Tensor, sign: int) -> tf.Tensor:
    if not leaf.dtype.is_floating or not sign:
        return leaf
    limits = np.finfo(leaf.dtype.as_numpy_dtype)
    return leaf + sign * (2 * float(limits.eps) * tf.abs(leaf) + float(limits.tiny))


def _has_floats(draw) -> bool:
    return any(leaf.dtype.is_floating for leaf in tf.nest.flatten(draw))


def _outside(distribution: Any, draw) -> tf.Tensor | None:
    """Bool [B, ...]; None where no part has finitely many outcomes."""
    is_masked, is_wrapper = (isinstance(distribution, kind) for kind in (_MASKED, _WRAPPERS))
    if is_masked:
        bad = _outside(distribution.distribution, draw)
        return None if bad is None else bad & distribution.validity_mask
    count = num_outcomes(distribution)
    if count is not None:
        return (draw < 0) | (draw >= tf.cast(count, draw.dtype))
    if is_wrapper:
        return _outside(distribution.distribution, draw)
    if isinstance(distribution, tfd.JointDistribution):
        parts, _ = distribution.sample_distributions(value=draw)
        values = zip(tree.flatten(parts), tree.flatten_up_to(parts, draw), strict=True)
        found = [_outside(part, value) for part, value in values]
        known = [_by_row(bad) for bad in found if bad is not None]
        return functools.reduce(tf.logical_or, known) if known else None
    return None


def _by_row(bad: tf.Tensor) -> tf.Tensor:
    """Bool [B]: the rows [B, ...] with a bad entry."""
    return tf.reduce_any(bad, axis=list(range(1, bad.shape.rank)))
