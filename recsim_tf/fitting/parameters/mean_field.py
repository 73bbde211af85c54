"""Mean-field posteriors: independent normals of unconstrained values, whose parameters are
variables.

Kucukelbir et al. 2017, "Automatic differentiation variational inference" (JMLR 18): the expected
log-likelihood less the divergence of the posterior from the prior is a lower bound on the log of
the evidence, and its gradient goes through draws of the posterior.
"""

import contextlib

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random

# Standard deviations to begin with: a search begins near its start, and doubt comes in as the prior
# asks for it.
START_SCALE = 0.05


class MeanField:
    """A posterior Normal(loc, exp(log_scale)) of each element.

    Args:
      loc: variable of any shape, the unconstrained means.
      name: of the variable of the scales.
    """

    def __init__(self, loc: tf.Variable, name: str):
        self.loc = loc
        start = np.full(loc.shape, np.log(START_SCALE), loc.dtype.as_numpy_dtype)
        self.log_scale = tf.Variable(start, name=f"{name.replace('.', '_')}_log_scale")

    def distribution(self) -> tfd.Normal:
        return tfd.Normal(tf.convert_to_tensor(self.loc), tf.exp(self.log_scale))

    def sample(self, seed) -> tf.Tensor:
        """A draw of all unconstrained elements, with the gradients of means and scales."""
        return random.sample(self.distribution(), random.as_seed(seed))


def divergence(
    posterior: MeanField, prior: tfd.Distribution, bijector: tfb.Bijector, seed
) -> tf.Tensor:
    """Scalar: KL(posterior || prior), exact where TFP knows it for normals, else estimated without
    bias from one draw.

    Args:
      posterior: of unconstrained elements.
      prior: of the values.
      bijector: from unconstrained elements to values.
      seed: of the draw.
    """
    own = posterior.distribution()
    if isinstance(bijector, tfb.Identity):
        with contextlib.suppress(NotImplementedError):
            return tf.reduce_sum(tfd.kl_divergence(own, prior))
    draw = posterior.sample(seed)
    event_ndims = bijector.forward_min_event_ndims
    value = tf.reduce_sum(prior.log_prob(bijector.forward(draw)))
    value += tf.reduce_sum(bijector.forward_log_det_jacobian(draw, event_ndims=event_ndims))
    return -tf.reduce_sum(own.entropy()) - value
