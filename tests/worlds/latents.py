# SPDX-License-Identifier: Apache-2.0
"""Users with a hidden level that ratings show with noise: posteriors have closed forms."""

from typing import Any

import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from tests.worlds.clicks import Numbers


class Raters(recsim_tf.UserModel):
    """Users of a level ~ Normal(mean, spread), who rate Normal(level, noise) at each step.

    With `walk`, the level moves by Normal(0, walk) after each rating.
    """

    mean: Any = recsim_tf.parameter(0.0)
    spread: Any = recsim_tf.parameter(1.5, above=0)
    noise: Any = recsim_tf.parameter(0.8, above=0)
    walk: Any = recsim_tf.parameter(None, above=0)

    def initial_draws(self, num_users):
        mean = tf.broadcast_to(self.per_user("mean"), [num_users])
        return tfd.Normal(mean, self.per_user("spread"))

    def response(self, state, slate):
        return tfd.Normal(state, self.per_user("noise"))

    def outcome(self, state, slate, draw):
        return recsim_tf.Clicks(tf.cast(slate.mask, self.dtype) * draw[:, tf.newaxis])

    def recorded_draw(self, slate, seen):
        return seen.clicked[:, 0]

    def innovation(self, state, slate, response):
        if self.walk is None:
            return None
        return tfd.Normal(tf.zeros_like(state), self.per_user("walk"))

    def update(self, state, slate, response, innovation):
        return state if self.walk is None else state + innovation

    def observe(self, state):
        return state[:, tf.newaxis][:, :0]


def latents(dtype=tf.float64, users=None, **simulator) -> recsim_tf.Simulator:
    """The simulator of slates of one document; `users` are given as arguments of `Raters`."""
    sizes = {"slate_size": 1, "num_candidates": 1}
    return recsim_tf.Simulator(
        Raters(**users or {}, dtype=dtype), Numbers(dtype=dtype), **(sizes | simulator)
    )
