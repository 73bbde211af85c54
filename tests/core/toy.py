# SPDX-License-Identifier: Apache-2.0
"""Models small enough to be followed by hand: every quantity tells from which state it was
computed.
"""

from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.models.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator

# Separates the contributions of the corpus and of the user to a candidate.
CORPUS_UNIT = 1000.0


class UserState(NamedTuple):
    level: tf.Tensor  # [B], in [0, 1) at the start, one more after each step


class Response(NamedTuple):
    clicked: tf.Tensor  # [B, K], 1 at every document shown
    level: tf.Tensor  # [B, K], of the user when the slate was shown
    rating: tf.Tensor  # [B, K], drawn around that level
    value: tf.Tensor  # [B, K], of the documents shown
    hidden: tf.Tensor  # [B, K], of the documents shown


class CorpusState(NamedTuple):
    offset: tf.Tensor  # [B], drawn
    seen: tf.Tensor  # [B], sum of the levels in the responses
    num_updates: tf.Tensor  # [B]


class ToyDocument(NamedTuple):
    value: tf.Tensor  # [B, K]


class ShownDocument(NamedTuple):
    value: tf.Tensor  # [B, K]
    hidden: tf.Tensor  # [B, K]


class ToyUsers(UserModel):
    """Users who leave when their level reaches `limit`, a number or [B]: after exactly `limit`
    steps.
    """

    limit: Any = parameter(3.0)

    def initial_draws(self, num_users):
        return tfd.Uniform(tf.zeros([num_users]), 1.0)

    def initial_state(self, draws):
        return UserState(draws)

    def response(self, state, slate):
        return tfd.Normal(state.level, 0.1)

    def outcome(self, state, slate, draw):
        clicked = tf.cast(slate.mask, tf.float32)
        spread = tf.ones_like(clicked)
        return Response(
            clicked=clicked,
            level=spread * state.level[:, tf.newaxis],
            rating=spread * draw[:, tf.newaxis],
            value=slate.documents.value,
            hidden=slate.documents.hidden,
        )

    def update(self, state, slate, response, innovation):
        assert innovation == ()
        return UserState(state.level + 1)

    def departure(self, state):
        return state.level >= self.per_user("limit")

    def observe(self, state):
        return state.level


class ToyDocuments(DocumentModel):
    """A corpus that remembers what it saw; candidates tell the states of corpus and user that they
    were drawn for.
    """

    def initial_draws(self, num_users):
        return tfd.Normal(tf.zeros([num_users]), 1.0)

    def initial_state(self, draws, num_corpora):
        return CorpusState(
            offset=draws, seen=tf.zeros_like(draws), num_updates=tf.zeros_like(draws)
        )

    def candidates(self, num_users, num_candidates, corpus, user):
        mean = CORPUS_UNIT * corpus.num_updates + user.level
        return tfd.Independent(
            tfd.Normal(tf.tile(mean[:, tf.newaxis], [1, num_candidates]), 1e-4), 1
        )

    def describe(self, draw, corpus):
        return ToyDocument(draw)

    def reveal(self, documents):
        return tfd.Independent(tfd.Normal(documents.value, 0.1), 1)

    def show(self, documents, hidden):
        return ShownDocument(documents.value, hidden)

    def update(self, corpus, slate, response, innovation):
        return CorpusState(
            corpus.offset, corpus.seen + response.level[:, 0], corpus.num_updates + 1
        )

    def observe(self, documents):
        return documents.value


def toy_simulator(limit=3.0, slate_size=2, num_candidates=4, **arguments) -> Simulator:
    """A simulator of the toy models; the reward is the number of clicks."""
    return Simulator(
        users=ToyUsers(limit),
        documents=ToyDocuments(),
        slate_size=slate_size,
        num_candidates=num_candidates,
        **{"reward_fn": lambda response: tf.reduce_sum(response.clicked, axis=1), **arguments},
    )
