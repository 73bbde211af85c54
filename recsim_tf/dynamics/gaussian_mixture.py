"""Mixtures of normals, such as tastes of several kinds of users."""

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import validation
from recsim_tf.core.distributions import Mixture
from recsim_tf.core.parameters import parameter
from recsim_tf.dynamics.component import Component


class GaussianMixture(Component):
    """A draw from one of C normal distributions, which is kept. State: [B, F].

    Which of them a row was drawn from is not part of the draw: its probability is summed over all.
    A draw can be latent in fits.

    Args:
      loc: [C, F], the means.
      scale: [C, F], the standard deviations, or a number for all.
      logits: [C], of the probability of each; a number for equally likely ones.

    Raises:
      ValueError: if a shape is wrong, or a scale is not positive.
    """

    loc: Any = parameter(rank=2)
    scale: Any = parameter(1.0, rank=2, above=0)
    logits: Any = parameter(0.0, rank=1, low=-np.inf)

    def check(self):
        shape = validation.table_shape("loc", self.loc)
        if shape.rank < 2:
            raise ValueError(f"loc must have shape [C, F], got {shape}")
        self.num_components, self.num_features = shape[-2:]
        components = {"num_components": self.num_components}
        features = {"num_features": self.num_features}
        validation.check_table("scale", self.scale, or_number=True, **components, **features)
        validation.check_table("logits", self.logits, or_number=True, **components)

    def initial_draws(self, num_rows):
        shape = [num_rows, self.num_components, self.num_features]
        loc, scale = (tf.broadcast_to(self.per_user(name, 3), shape) for name in ("loc", "scale"))
        logits = tf.broadcast_to(self.per_user("logits", 2), shape[:2])
        return Mixture(tfd.Categorical(logits=logits), tfd.Independent(tfd.Normal(loc, scale), 1))
