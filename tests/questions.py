# SPDX-License-Identifier: Apache-2.0
"""A small environment with queries: users who can be asked whether they like to be shown things."""

from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.core.step import turns
from tests.worlds.clicks import Numbers


class Question(NamedTuple):
    is_asked: Any  # int32 [B], 0 or 1
    strength: Any  # float [B, 2], in [0, 1]; or int32


class AskedUsers(recsim_tf.UserModel):
    """Users who click more often when they are asked."""

    gain: Any = recsim_tf.parameter(1.5)

    def initial_draws(self, num_users):
        return tfd.Normal(tf.zeros([num_users]), 1.0)

    def response(self, state, slate):
        asked, strength = (tf.cast(leaf, tf.float32) for leaf in slate.query)
        pull = self.per_user("gain", 1) * asked * tf.reduce_sum(strength, axis=-1)
        scores = (state + pull)[:, tf.newaxis] + slate.documents
        return recsim_tf.choice.MultinomialLogit(no_click_mass=0.0)(scores, slate.mask)

    def observe(self, state):
        return state

    def turn_conditions(self, turn):
        is_empty = tf.reduce_all(turn.slate < 0, axis=-1)
        asked = turn.query.is_asked == 1
        return [(~(asked & is_empty), "a question must have an item")]


BOUNDS = Question(recsim_tf.Bounds(0, 1), recsim_tf.Bounds(0, 1))
SPEC = turns.query_spec(Question(tf.TensorSpec([], tf.int32), tf.TensorSpec([2])), BOUNDS)
# For agents that choose among whole numbers only.
WHOLE_SPEC = turns.query_spec(
    Question(tf.TensorSpec([], tf.int32), tf.TensorSpec([2], tf.int32)), BOUNDS
)


def simulator(**changes) -> recsim_tf.Simulator:
    """A simulator of users who can be asked."""
    arguments = dict(slate_size=2, num_candidates=4, max_steps=3, query_spec=SPEC, validate=True)
    return recsim_tf.Simulator(AskedUsers(), Numbers(), **(arguments | changes))


def question(num_users, is_asked=1, strength=0.5) -> Question:
    """The same question to all users."""
    return Question(tf.fill([num_users], is_asked), tf.fill([num_users, 2], strength))


def ask(observation, policy_state, seed):
    """A policy that shows random pairs, and asks every user."""
    # A saved policy leaves it open.
    num_users = tf.shape(observation.user)[0]
    slate = tf.random.stateless_uniform([num_users, 2], seed, maxval=4, dtype=tf.int32)
    slate = tf.stack([slate[:, 0], (slate[:, 0] + 1) % 4], axis=1)
    return recsim_tf.Turn(slate, question(num_users)), policy_state
