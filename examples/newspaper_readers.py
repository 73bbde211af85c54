"""Readers of a newspaper, who remember the articles that they have seen; for newspaper.py."""

from typing import NamedTuple

import recsim_tf
import tensorflow as tf
from recsim_tf.core.distributions import candidate_ids
from tensorflow_probability import distributions as tfd


class Shown(NamedTuple):
    article: tf.Tensor
    rate: tf.Tensor  # [B, K] each


class Articles(recsim_tf.DocumentModel):
    number: int = 1000

    def candidates(self, num_users, num_candidates, corpus, user):
        return candidate_ids(self.number, num_users, num_candidates, replacement=False)

    def reveal(self, documents):
        return tfd.Independent(tfd.Normal(tf.zeros(documents.shape), 1.0), 1)

    def show(self, documents, hidden):
        return Shown(documents, hidden)

    def observe(self, documents):
        return documents


class Readers(recsim_tf.UserModel):
    number: int = 1000  # of articles
    rate: float = recsim_tf.parameter(0.0)
    seen: tuple = recsim_tf.parameter((0.0, 0.0), rank=1)  # without and with a subscription

    def initial_draws(self, num_users):
        return tfd.Bernoulli(probs=tf.fill([num_users], 0.5))

    def initial_state(self, draws):
        return draws, tf.zeros([draws.shape[0], self.number])

    def response(self, state, slate):
        effect = self.entries("seen", state[0], [2])[:, tf.newaxis]
        seen = tf.math.log1p(tf.gather(state[1], slate.documents.article, batch_dims=1))
        scores = self.per_user("rate", 2) * slate.documents.rate + effect * seen
        return recsim_tf.choice.MultinomialLogit()(scores, slate.mask)

    def update(self, state, slate, response, innovation):
        shown = tf.one_hot(tf.where(slate.mask, slate.documents.article, -1), self.number)
        return state[0], state[1] + tf.reduce_sum(shown, axis=1)

    def observe(self, state):
        return state[0]
