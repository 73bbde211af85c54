# SPDX-License-Identifier: Apache-2.0
"""Users who lose patience and leave, in a world where every kind of draw occurs: initial, response,
innovation, departure, corpus, candidates and hidden attributes.
"""

from typing import NamedTuple

import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.core.base.bounds import Bounds


class State(NamedTuple):
    taste: tf.Tensor  # [B], in [0, 1]
    patience: tf.Tensor  # [B]


class Response(NamedTuple):
    clicked: tf.Tensor  # [B, K]
    rating: tf.Tensor  # [B, K], in [0, 1]


class Shoppers(recsim_tf.UserModel):
    choice_model: recsim_tf.choice.ChoiceModel = recsim_tf.choice.MultinomialLogit(0.0)

    def initial_draws(self, num_users):
        zeros = tf.zeros([num_users], self.dtype)
        return tfd.Uniform(zeros, tf.ones_like(zeros))

    def initial_state(self, draws):
        return State(taste=draws, patience=tf.ones_like(draws))

    def response(self, state, slate):
        return self.choice_model(-tf.abs(slate.documents - state.taste[:, tf.newaxis]), slate.mask)

    def outcome(self, state, slate, draw):
        clicked = tf.one_hot(draw, slate.mask.shape[1], dtype=self.dtype)
        return Response(clicked=clicked, rating=clicked * state.taste[:, tf.newaxis])

    def innovation(self, state, slate, response):
        return tfd.Normal(tf.zeros_like(state.patience), tf.constant(0.1, self.dtype))

    def update(self, state, slate, response, innovation):
        return state._replace(patience=state.patience + innovation)

    def departure(self, state):
        return tfd.Bernoulli(logits=-state.patience)

    def observe(self, state):
        return state.taste

    def observation_bounds(self):
        return Bounds(0.0, 1.0)

    def response_bounds(self):
        return Response(Bounds(0.0, 1.0), Bounds(0.0, 1.0))


class Shop(recsim_tf.DocumentModel):
    """Numbers in [0, 1] that are met with noise, from a stock that clicks use up."""

    def initial_draws(self, num_users):
        return tfd.Normal(tf.zeros([num_users], self.dtype), tf.ones([], self.dtype))

    def initial_state(self, draws, num_corpora):
        return {"stock": draws}

    def candidates(self, num_users, num_candidates, corpus, user):
        zeros = tf.zeros([num_users, num_candidates], self.dtype)
        return tfd.Independent(tfd.Uniform(zeros, tf.ones_like(zeros)), 1)

    def reveal(self, documents):
        return tfd.Independent(tfd.Normal(documents, tf.constant(0.1, self.dtype)), 1)

    def show(self, documents, hidden):
        return documents + hidden

    def update(self, corpus, slate, response, innovation):
        return {"stock": corpus["stock"] - tf.reduce_sum(response.clicked, axis=1)}

    def observe(self, documents):
        return documents

    def observation_bounds(self):
        return Bounds(0.0, 1.0)


def leavers(dtype=tf.float32, slate_size=2, num_candidates=4, **simulator) -> recsim_tf.Simulator:
    """The simulator; the reward is the number of clicks."""
    return recsim_tf.Simulator(
        Shoppers(dtype=dtype), Shop(dtype=dtype), slate_size, num_candidates, **simulator
    )
