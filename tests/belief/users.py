# SPDX-License-Identifier: Apache-2.0
"""Users whose posteriors are known in closed form, and others that tests share."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf import choice
from recsim_tf.core import random
from recsim_tf.core.base.types import Clicks, Slate


class Items(NamedTuple):
    """Documents of a slate."""

    features: Any  # [B, K, F]


def slates(features) -> Slate:
    """A full slate of documents with features [B, K, F]."""
    features = tf.convert_to_tensor(features)
    return Slate(Items(features), tf.ones(features.shape[:2], tf.bool))


class Choosers(recsim_tf.UserModel):
    """Users who choose by <taste, features>; their initial draw is `prior(num_users)`."""

    prior: Any = None
    no_click_mass: Any = 0.0

    def initial_draws(self, num_users):
        return self.prior(num_users)

    def taste(self, state):
        """[B, F]."""
        return state

    def response(self, state, slate):
        scores = tf.linalg.matvec(slate.documents.features, self.taste(state))
        return choice.MultinomialLogit(self.no_click_mass)(scores, slate.mask)

    def observe(self, state):
        return tf.nest.flatten(state)[0][:, tf.newaxis][:, :0]


class Answerers(recsim_tf.UserModel):
    """Users of a level [B] who say yes with the probability that a standard normal is below
    level / link_stddev.
    """

    loc: Any = recsim_tf.parameter(0.2)
    scale: Any = recsim_tf.parameter(float(np.sqrt(1.5)))
    link_stddev: Any = recsim_tf.parameter(0.7)

    def initial_draws(self, num_users):
        scale = tf.broadcast_to(self.per_user("scale"), [num_users])
        return tfd.Normal(self.per_user("loc"), scale)

    def response(self, state, slate):
        yes = tfd.Normal(tf.zeros([], self.dtype), 1.0).cdf(state / self.per_user("link_stddev"))
        return tfd.Bernoulli(probs=yes)

    def outcome(self, state, slate, draw):
        return Clicks(tf.cast(draw[:, tf.newaxis], self.dtype))

    def recorded_draw(self, slate, seen):
        return tf.cast(seen.clicked[:, 0], tf.int32)

    def observe(self, state):
        return state[:, tf.newaxis][:, :0]


class Walkers(recsim_tf.UserModel):
    """Users whose level [B, 2] is a random walk, and who rate the features [B, 1, 2] of one
    document with noise: a linear Gaussian model.
    """

    decay: float = 0.9
    innovation_stddev: float = 0.5
    rating_stddev: float = 0.8

    def initial_draws(self, num_users):
        return tfd.MultivariateNormalTriL(
            tf.constant([0.5, -0.2]), tf.tile([[[1.0, 0.0], [0.6, 0.5]]], [num_users, 1, 1])
        )

    def response(self, state, slate):
        return tfd.Normal(
            tf.linalg.matvec(slate.documents.features, state)[:, 0], self.rating_stddev
        )

    def outcome(self, state, slate, draw):
        return Clicks(draw[:, tf.newaxis])

    def recorded_draw(self, slate, seen):
        return seen.clicked[:, 0]

    def innovation(self, state, slate, response):
        return tfd.Independent(tfd.Normal(tf.zeros_like(state), self.innovation_stddev), 1)

    def update(self, state, slate, response, innovation):
        return self.decay * state + innovation

    def observe(self, state):
        return state[:, :0]


def normal_tastes(num_factors: int):
    """A prior of independent standard normal tastes [B, F]."""

    def prior(num_users):
        return tfd.Independent(tfd.Normal(tf.zeros([num_users, num_factors]), 1.0), 1)

    return prior


def choices(users, state, slate, seed):
    """Responses of users in a state, as agents see them."""
    draw = random.sample(users.response(state, slate), seed)
    return users.observe_response(users.outcome(state, slate, draw))
