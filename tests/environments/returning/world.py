# SPDX-License-Identifier: Apache-2.0
"""A small world of readers who come back."""

from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.core.distributions import uniform_ids
from recsim_tf.environments.returning import ReturningUsers
from tests.worlds.clicks import Numbers


class ReaderState(NamedTuple):
    taste: tf.Tensor  # [B]
    fatigue: tf.Tensor  # [B], steps so far, of which days make forget


class Readers(recsim_tf.UserModel):
    """Readers who leave after three steps; with `leaving_prob` at any step."""

    leaving_prob: Any = recsim_tf.parameter(None, low=0, high=1)
    choice_model: recsim_tf.choice.ChoiceModel = recsim_tf.choice.MultinomialLogit(1.0)

    def initial_draws(self, num_users):
        return tfd.Normal(tf.zeros([num_users], self.dtype), tf.constant(1, self.dtype))

    def initial_state(self, draws):
        return ReaderState(draws, tf.zeros_like(draws))

    def response(self, state, slate):
        return self.choice_model(state.taste[:, tf.newaxis] * slate.documents, slate.mask)

    def outcome(self, state, slate, draw):
        del state
        return recsim_tf.Clicks(tf.one_hot(draw, slate.mask.shape[1], dtype=self.dtype))

    def update(self, state, slate, response, innovation):
        return state._replace(fatigue=state.fatigue + 1)

    def departure(self, state):
        if self.leaving_prob is None:
            return state.fatigue >= 3
        return tfd.Bernoulli(
            probs=tf.broadcast_to(self.per_user("leaving_prob"), state.fatigue.shape)
        )

    def observe(self, state):
        return {"taste": state.taste}


class ReturningReaders(ReturningUsers):
    """Those who like much come back earlier, and less tired."""

    eagerness: Any = recsim_tf.parameter(0.5)
    churn_logit: Any = recsim_tf.parameter(-2.0)

    def gap(self, state):
        loc = self.per_user("gap_loc") - self.per_user("eagerness") * state.user.taste
        return tfd.LogNormal(loc, self.per_user("gap_scale"))

    def churn(self, state):
        return tf.sigmoid(self.per_user("churn_logit") - state.user.taste)

    def restart(self, state):
        return None

    def next_visit(self, state, days, draws):
        return state.user._replace(fatigue=state.user.fatigue * tf.exp(-days))


def readers(users=None, dtype=tf.float32, **simulator):
    if users is None:
        users = ReturningReaders(Readers(0.4, dtype=dtype), horizon=20.0)
    sizes = {"slate_size": 2, "num_candidates": 4}
    return recsim_tf.Simulator(users, Numbers(dtype=dtype), **(sizes | simulator))


class Shelf(recsim_tf.DocumentModel):
    """Numbers by their ids in a catalogue of ten."""

    def candidates(self, num_users, num_candidates, corpus, user):
        return uniform_ids(10, num_users, num_candidates, self.dtype)

    def describe(self, draw, corpus):
        return tf.gather(tf.linspace(tf.constant(-1, self.dtype), 1, 10), draw)

    def observe(self, documents):
        return documents
