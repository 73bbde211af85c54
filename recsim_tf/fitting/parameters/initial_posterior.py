"""Posteriors of what differed between users when their sessions began, where the log does not have
it.
"""

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.types import Nest
from recsim_tf.fitting.parameters.mean_field import START_SCALE


class InitialPosterior:
    """A mean-field posterior of each session's initial draws: independent normals of their
    unconstrained elements.

    Args:
      prior: the users' `initial_draws(S)`, of batch shape [S]. Its parameters may change; its
        support may not.
      num_sessions: S.
      dtype: of the variables.

    Raises:
      ValueError: where a draw is discrete.
    """

    def __init__(self, prior: tfd.Distribution, num_sessions: int, dtype: tf.DType):
        kinds = tf.nest.flatten(prior.reparameterization_type)
        if any(kind != tfd.FULLY_REPARAMETERIZED for kind in kinds):
            raise ValueError(
                "the log must have the users' initial draws, since some are discrete: only"
                " continuous ones can be latent"
            )
        self.num_sessions = num_sessions
        self._like = random.sample(prior, random.as_seed(0))
        bijector = prior.experimental_default_event_space_bijector()
        shapes = [leaf.shape for leaf in tf.nest.flatten(bijector.inverse(self._like))]
        self._locs = [tf.Variable(tf.zeros(shape, dtype), name="initial_loc") for shape in shapes]
        self._log_scales = [
            tf.Variable(
                tf.fill(shape, tf.constant(np.log(START_SCALE), dtype)), name="initial_scale"
            )
            for shape in shapes
        ]

    @property
    def variables(self) -> list[tf.Variable]:
        return self._locs + self._log_scales

    def draw(self, rows: tf.Tensor, prior: tfd.Distribution, seed) -> tuple[Nest, tf.Tensor]:
        """Initial draws of sessions, and what to add to their log-likelihood for the bound.

        Args:
          rows: int32 [B], positions of sessions.
          prior: the users' `initial_draws(B)`.
          seed: int32 [2].

        Returns:
          A nest of [B, ...]; and [B], the Jacobian of the draws and the entropy of the posterior.
        """
        bijector = prior.experimental_default_event_space_bijector()
        posteriors = [
            tfd.Normal(tf.gather(loc, rows), tf.exp(tf.gather(log_scale, rows)))
            for loc, log_scale in zip(self._locs, self._log_scales, strict=True)
        ]
        seeds = random.split_seed(seed, len(posteriors))
        unconstrained = self._packed(
            [random.sample(own, one) for own, one in zip(posteriors, seeds, strict=True)]
        )
        ranks = tf.nest.map_structure(lambda leaf: leaf.shape.rank - 1, unconstrained)
        entropy = tf.add_n(
            [
                tf.reduce_sum(own.entropy(), axis=list(range(1, own.batch_shape.rank)))
                for own in posteriors
            ]
        )
        return (
            bijector.forward(unconstrained),
            bijector.forward_log_det_jacobian(unconstrained, ranks) + entropy,
        )

    def locations(self, prior: tfd.Distribution) -> Nest:
        """NumPy arrays [S, ...]: the initial draws at the posterior means of the unconstrained
        elements.
        """
        bijector = prior.experimental_default_event_space_bijector()
        return tf.nest.map_structure(
            lambda leaf: leaf.numpy(), bijector.forward(self._packed(self._locs))
        )

    def _packed(self, leaves):
        return tf.nest.pack_sequence_as(self._like, leaves)
