# SPDX-License-Identifier: Apache-2.0
"""RecSim's small sequential MDP, a fixture whose optimal values are known: six states, four kinds
of documents, position 0 is consumed.
"""

from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core.base.bounds import Bounds
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.models.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator

NUM_STATES, NUM_ACTIONS = 6, 4
# Reward [action, state before the step].
REWARDS = (
    (-10, 0, 0, 4, 0, 5),
    (-10, 0, 1, 0, 0, 0),
    (-10, 1, 0, 2, 0, 2),
    (-10, 0, 0, 0, 0, 5),
)
# Of going 1, 2 or 3 states further than the action; from states 4 and 5 it is always 1.
JUMP_PROBS = (0.1, 0.1, 0.8)
STARTING_PROBS = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)


class Response(NamedTuple):
    """Response to a slate, per position."""

    clicked: tf.Tensor  # [B, K], 1 at position 0
    reward: tf.Tensor  # [B, K], zero where not clicked


class SequentialUsers(UserModel):
    """Users in one of six states, int32 [B], who start in state 0 unless `starting_probs` [6] say
    otherwise, and never leave.
    """

    starting_probs: Any = parameter(STARTING_PROBS, rank=1)
    jump_probs: Any = parameter(JUMP_PROBS, rank=1)

    def initial_draws(self, num_users):
        probs = self.per_user("starting_probs", 2)
        return tfd.Categorical(probs=tf.broadcast_to(probs, [num_users, NUM_STATES]))

    def response(self, state, slate):
        return tfd.Deterministic(tf.zeros_like(state))

    def outcome(self, state, slate, draw):
        clicked = tf.one_hot(draw, slate.mask.shape[1], dtype=self.dtype)
        rewards = tf.gather_nd(
            tf.constant(REWARDS, self.dtype), tf.stack([slate.documents[:, 0], state], axis=-1)
        )
        return Response(clicked=clicked, reward=clicked * rewards[:, tf.newaxis])

    def innovation(self, state, slate, response):
        probs = self.per_user("jump_probs", 2)
        jump = tfd.Categorical(probs=tf.broadcast_to(probs, [state.shape[0], len(JUMP_PROBS)]))
        return tfd.Masked(
            jump, state < 4, safe_sample_fn=lambda d: tf.zeros(d.batch_shape, d.dtype)
        )

    def update(self, state, slate, response, innovation):
        return (state + slate.documents[:, 0] + 1 + innovation) % NUM_STATES

    def observe(self, state):
        return state

    def observation_bounds(self):
        return Bounds(0, NUM_STATES - 1)

    def response_bounds(self):
        return Response(clicked=Bounds(0.0, 1.0), reward=Bounds(-10.0, 5.0))


class SequentialDocuments(DocumentModel):
    """Documents are the numbers of actions, int32, 0 to 3 and again from 0."""

    def candidates(self, num_users, num_candidates, corpus, user):
        actions = tf.range(num_candidates) % NUM_ACTIONS
        return tfd.Independent(tfd.Deterministic(tf.tile(actions[tf.newaxis], [num_users, 1])), 1)

    def observe(self, documents):
        return documents

    def observation_bounds(self):
        return Bounds(0, NUM_ACTIONS - 1)


def sequential(
    slate_size=1, num_candidates=4, starting_probs=STARTING_PROBS, dtype=tf.float32, **arguments
):
    """A simulator of the MDP; the reward is that of position 0."""
    if num_candidates < NUM_ACTIONS:
        raise ValueError(f"num_candidates must be at least {NUM_ACTIONS}, got {num_candidates}")
    return Simulator(
        users=SequentialUsers(starting_probs, dtype=dtype),
        documents=SequentialDocuments(),
        slate_size=slate_size,
        num_candidates=num_candidates,
        reward_fn=lambda response: tf.reduce_sum(response.reward, axis=-1),
        **arguments,
    )
