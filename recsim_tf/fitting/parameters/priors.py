"""Priors whose own parameters are fitted."""

from collections.abc import Sequence

import gin
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from recsim_tf.core import validation
from recsim_tf.core.ranges import Range


@gin.configurable(module="recsim_tf")
def hierarchical_normal(
    shape: Sequence[int] = (), features: np.ndarray | None = None, scale: float = 0.5
) -> tfd.Normal:
    """A normal prior that all rows of a table share. What many rows teach about it helps the rows
    with little data.

    For a `Parameter` with posterior="mean_field". With features the prior's loc is linear in them,
    a regression of the table on what is known of its rows (Agarwal & Chen 2009, "Regression-based
    latent factor models").

    Args:
      shape: of a row of the table, as [F]; () where a row is a number.
      features: float [D, M], of the rows; None for one loc that all rows share.
      scale: start of the search for the standard deviation, positive.

    Returns:
      A Normal, [D, ...] with features, else of the shape of a row, with trainable loc, from zero,
      and scale.

    Raises:
      ValueError: for features that are not a table, or a scale that is not positive.
    """
    Range(above=0).check_number("scale", scale)
    validation.check_sizes(shape=shape)
    shape = tuple(shape)
    scales = tfp.util.TransformedVariable(
        tf.fill(shape, float(scale)), tfb.Exp(), name="prior_scale"
    )
    if features is None:
        return tfd.Normal(tf.Variable(tf.zeros(shape), name="prior_loc"), scales)
    Range().check("features", features)
    features = np.asarray(features, np.float32)
    if features.ndim != 2 or not features.size:
        raise ValueError(f"features must have a shape [D, M], got {list(features.shape)}")
    weights = tf.Variable(tf.zeros([features.shape[1], *shape]), name="prior_weights")
    loc = tfp.util.DeferredTensor(
        weights, lambda weights: tf.tensordot(features, weights, 1), shape=[len(features), *shape]
    )
    return tfd.Normal(loc, scales)
