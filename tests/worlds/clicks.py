# SPDX-License-Identifier: Apache-2.0
"""The least that a simulator needs: users with a taste, and numbers that they choose from."""

from typing import Any

import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf


class Clickers(recsim_tf.UserModel):
    """Users of a taste [B] in [0, 1] that never changes, who choose what is close to it."""

    no_click_mass: Any = recsim_tf.parameter(0.0)

    def initial_draws(self, num_users):
        zeros = tf.zeros([num_users], self.dtype)
        return tfd.Uniform(zeros, tf.ones_like(zeros))

    def response(self, state, slate):
        choice = recsim_tf.choice.MultinomialLogit(self.no_click_mass)
        return choice(-tf.abs(slate.documents - state[:, tf.newaxis]), slate.mask)

    def outcome(self, state, slate, draw):
        return recsim_tf.Clicks(tf.one_hot(draw, slate.mask.shape[1], dtype=self.dtype))

    def observe(self, state):
        return state


class Numbers(recsim_tf.DocumentModel):
    """Standard normal numbers [B, N], or vectors of them [B, N, F]."""

    num_features: int | None = None

    def candidates(self, num_users, num_candidates, corpus, user):
        features = [] if self.num_features is None else [self.num_features]
        zeros = tf.zeros([num_users, num_candidates, *features], self.dtype)
        return tfd.Independent(tfd.Normal(zeros, tf.ones([], self.dtype)), 1 + len(features))

    def observe(self, documents):
        return documents


def clicks(dtype=tf.float32, slate_size=2, num_candidates=4, **simulator) -> recsim_tf.Simulator:
    """The simulator; the reward is the number of clicks."""
    return recsim_tf.Simulator(
        Clickers(dtype=dtype), Numbers(dtype=dtype), slate_size, num_candidates, **simulator
    )
