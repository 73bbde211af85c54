# SPDX-License-Identifier: Apache-2.0
"""A corpus that the users of a world share: their clicks make items popular."""

from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.choice import MultinomialLogit

NUM_ITEMS = 3


class Item(NamedTuple):
    item_id: tf.Tensor  # [..., ]
    clicks: tf.Tensor  # [..., ]


class Popular(recsim_tf.DocumentModel):
    """Items that are offered the more often, the more users clicked on them."""

    gamma: Any = recsim_tf.parameter(1.5)

    shared = True

    def initial_draws(self, num_corpora):
        ones = tf.ones([num_corpora, NUM_ITEMS], self.dtype)
        return tfd.Independent(tfd.Exponential(ones), 1)

    def candidates(self, num_corpora, num_candidates, corpus, user):
        logits = self.per_user("gamma", 2) * tf.math.log(1 + corpus)
        shape = [num_corpora, num_candidates, NUM_ITEMS]
        logits = tf.broadcast_to(logits[:, tf.newaxis], shape)
        return tfd.Independent(tfd.Categorical(logits=logits), 1)

    def describe(self, draw, corpus):
        return Item(draw, tf.gather(corpus, draw, batch_dims=1))

    def reveal(self, documents):
        return tfd.Independent(tfd.Normal(documents.clicks, tf.ones([], self.dtype)), 1)

    def innovation(self, corpus, slate, response):
        return tfd.Independent(tfd.Exponential(tf.ones_like(corpus)), 1)

    def update(self, corpus, slate, response, innovation):
        items = tf.one_hot(slate.documents.item_id, NUM_ITEMS, dtype=self.dtype)
        clicks = tf.reduce_sum(items * response.clicked[..., tf.newaxis], axis=[1, 2])
        return 0.5 * corpus + clicks + 0.1 * innovation

    def observe(self, documents):
        return documents


class Crowd(recsim_tf.UserModel):
    """Users who like popular items, and leave with probability 0.3."""

    def initial_draws(self, num_users):
        return tfd.Normal(tf.zeros([num_users], self.dtype), tf.ones([], self.dtype))

    def response(self, state, slate):
        scores = state[:, tf.newaxis] * slate.documents.clicks
        return MultinomialLogit(no_click_mass=1.0)(scores, slate.mask)

    def outcome(self, state, slate, draw):
        return recsim_tf.Clicks(tf.one_hot(draw, slate.mask.shape[1], dtype=self.dtype))

    def departure(self, state):
        return tfd.Bernoulli(probs=tf.fill(state.shape, tf.constant(0.3, self.dtype)))

    def observe(self, state):
        return state


def shared(gamma=1.5, dtype=tf.float64, users_per_world=4, **simulator) -> recsim_tf.Simulator:
    """The simulator of slates of 2 of 5 candidates; the reward is the number of clicks."""
    return recsim_tf.Simulator(
        Crowd(dtype=dtype),
        Popular(gamma, dtype=dtype),
        slate_size=2,
        num_candidates=5,
        users_per_world=users_per_world,
        **simulator,
    )
