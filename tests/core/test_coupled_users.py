# SPDX-License-Identifier: Apache-2.0
"""Users who influence each other: an update may mix the rows of the user axis."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf.core.random import as_seed
from recsim_tf.core.runs.execution import compiled
from recsim_tf.policies import random_policy
from tests.worlds.clicks import Numbers

NUM_USERS, NUM_STEPS, NUM_PREFERENCES = 100, 10, 3
KEPT, HEARD, NOISE = 0.7, 0.3, 0.01


class State(NamedTuple):
    """Also the initial draws."""

    listens: tf.Tensor  # int32 [B, B], 1 where the user of the row listens to that of the column
    preferences: tf.Tensor  # [B, 3]


class Network(recsim_tf.UserModel):
    """RecSim NG 0.1.2's toy of preferences on a social network."""

    def initial_draws(self, num_users):
        listens = tfd.Bernoulli(probs=tf.fill([num_users, num_users], 0.01))
        preferences = tfd.Normal(tf.fill([num_users, NUM_PREFERENCES], 3.14), 4.13)
        return tfd.JointDistributionNamed(
            State(tfd.Independent(listens, 1), tfd.Independent(preferences, 1))
        )

    def response(self, state, slate):
        scores = tf.linalg.matvec(slate.documents, state.preferences)
        return recsim_tf.choice.MultinomialLogit(0.0)(scores, slate.mask)

    def innovation(self, state, slate, response):
        return tfd.Independent(tfd.Normal(tf.zeros_like(state.preferences), NOISE), 1)

    def update(self, state, slate, response, innovation):
        heard = tf.matmul(tf.cast(state.listens, self.dtype), state.preferences)
        return state._replace(preferences=KEPT * state.preferences + HEARD * heard + innovation)

    def observe(self, state):
        return state.preferences


def test_preferences_spread_over_a_social_network():
    simulator = recsim_tf.Simulator(
        Network(), Numbers(NUM_PREFERENCES), slate_size=1, num_candidates=2
    )
    run = compiled(
        lambda seed: simulator.rollout(random_policy(simulator), NUM_USERS, NUM_STEPS, seed)
    )
    trajectory = run(as_seed(0))
    found = simulator.replay(trajectory).user.preferences
    listens, preferences = (leaf.numpy() for leaf in trajectory.initial.user)
    assert listens.any()
    noise = trajectory.transitions.draws.innovation.numpy()
    for step in range(NUM_STEPS):
        np.testing.assert_allclose(found[step], preferences, rtol=1e-4, atol=1e-4)
        preferences = KEPT * preferences + HEARD * listens @ preferences + noise[step]
    expected = tfd.Normal(0.0, NOISE).log_prob(noise).numpy().sum(axis=(0, 2))
    np.testing.assert_allclose(simulator.log_prob(trajectory).innovation, expected, rtol=1e-4)
