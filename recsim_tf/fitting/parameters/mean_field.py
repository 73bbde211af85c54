# SPDX-License-Identifier: Apache-2.0
"""Mean-field posteriors: independent normals of unconstrained values, whose parameters are
variables.

Kucukelbir et al. 2017, "Automatic differentiation variational inference" (JMLR 18): the expected
log-likelihood less the divergence of the posterior from the prior is a lower bound on the log of
the evidence, and its gradient goes through draws of the posterior.
"""

import contextlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.base.types import Nest, Seed

# The standard deviations at the start. They are small, so that a search begins near its starting
# values; where data are few, the prior makes them grow.
_START_SCALE = 0.05


class MeanFieldPosterior:
    """A posterior Normal(loc, exp(log_scale)) of each element of a nest.

    Args:
      locs: nest of variables of any shapes, the unconstrained means.
      name: the name of the variables of the scales.
    """

    def __init__(self, locs: Nest, name: str):
        self.locs = locs
        self.log_scales = tf.nest.map_structure(
            lambda loc: tf.Variable(
                np.full(loc.shape, np.log(_START_SCALE), loc.dtype.as_numpy_dtype),
                name=f"{name.replace('.', '_')}_log_scale",
            ),
            locs,
        )

    @property
    def variables(self) -> list[tf.Variable]:
        return tf.nest.flatten((self.locs, self.log_scales))

    def distribution(self, rows: tf.Tensor | None = None) -> Nest:
        """Nest of normals, of all elements or of those at positions int32 [B] of the first axis."""

        def normal(loc, log_scale):
            if rows is not None:
                loc, log_scale = tf.gather(loc, rows), tf.gather(log_scale, rows)
            return tfd.Normal(tf.convert_to_tensor(loc), tf.exp(log_scale))

        return tf.nest.map_structure(normal, self.locs, self.log_scales)

    def draw(
        self, bijector: tfb.Bijector, seeds: Sequence[Seed], rows: tf.Tensor | None = None
    ) -> tuple[Nest, tf.Tensor]:
        """Values with the gradients of means and scales, of all elements or of rows int32 [B], by a
        seed for each leaf of the nest.

        Besides, what a lower bound has beside the log-densities of the values under likelihood and
        prior: the Jacobian of the bijector to the values and the entropy of the posterior, [B], or
        a scalar where there are no rows.
        """
        normals = tf.nest.flatten(self.distribution(rows))
        num_axes = 0 if rows is None else 1
        unconstrained = tf.nest.pack_sequence_as(
            self.locs,
            [random.sample(normal, seed) for normal, seed in zip(normals, seeds, strict=True)],
        )
        event_ndims = tf.nest.map_structure(lambda leaf: leaf.shape.rank - num_axes, unconstrained)
        entropies = [
            tf.reduce_sum(normal.entropy(), axis=list(range(num_axes, normal.batch_shape.rank)))
            for normal in normals
        ]
        log_det = bijector.forward_log_det_jacobian(unconstrained, event_ndims)
        return bijector.forward(unconstrained), log_det + tf.add_n(entropies)

    def center(self, bijector: tfb.Bijector) -> Nest:
        """The values at the means of the unconstrained elements, as NumPy arrays."""
        locs = tf.nest.map_structure(tf.convert_to_tensor, self.locs)
        return tf.nest.map_structure(lambda leaf: leaf.numpy(), bijector.forward(locs))

    def divergence(self, prior: tfd.Distribution, bijector: tfb.Bijector, seed: Seed) -> tf.Tensor:
        """Scalar: KL(posterior || prior) for a nest of one leaf. It is exact where TFP knows it for
        normals, else estimated without bias from one draw. The prior is that of the values.
        """
        if isinstance(bijector, tfb.Identity):
            with contextlib.suppress(NotImplementedError):
                return tf.reduce_sum(tfd.kl_divergence(self.distribution(), prior))
        value, bonus = self.draw(bijector, [random.as_seed(seed)])
        return -bonus - tf.reduce_sum(prior.log_prob(value))
