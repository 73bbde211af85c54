# SPDX-License-Identifier: Apache-2.0
"""A module of a user's own, for tests: an environment, policies, and an agent that is none.

Tests copy it into a folder, with a fault, and let a gin file import it from there.
"""

import gin
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf


class Shoppers(recsim_tf.UserModel):
    def initial_draws(self, num_users):
        return tfd.Uniform(tf.zeros([num_users]), 1.0)

    def initial_state(self, draws):
        return draws

    def response(self, state, slate):
        scores = -tf.abs(slate.documents - state[:, tf.newaxis])
        return recsim_tf.choice.MultinomialLogit(0.0)(scores, slate.mask)

    def update(self, state, slate, response, innovation):
        return state

    def departure(self, state):
        return tfd.Bernoulli(logits=-tf.ones_like(state))

    def observe(self, state):
        return state


class Goods(recsim_tf.DocumentModel):
    def candidates(self, num_users, num_candidates, corpus, user):
        return tfd.Independent(tfd.Uniform(tf.zeros([num_users, num_candidates]), 1.0), 1)

    def observe(self, documents):
        return documents


@gin.configurable
def shop(slate_size=2):
    return recsim_tf.Simulator(Shoppers(), Goods(), slate_size, num_candidates=5)


@gin.configurable
def window(simulator, start=0):
    def act(observation, policy_state, seed):
        slate = start + tf.range(simulator.slate_size)[tf.newaxis]
        return tf.repeat(slate, observation.user.shape[0], axis=0), policy_state

    return act


@gin.configurable("round_robin")
class RoundRobin:
    def __init__(self, simulator):
        self.simulator = simulator

    def initial_state(self, num_users):
        return tf.zeros([num_users], tf.int32)

    def __call__(self, observation, policy_state, seed):
        slate = policy_state[:, tf.newaxis] + tf.range(self.simulator.slate_size)
        return slate % self.simulator.num_candidates, policy_state + 1


@gin.configurable
def no_agent(environment, train_step_counter):
    return None
