# SPDX-License-Identifier: Apache-2.0
"""REINFORCE and its training in JAX, in the tuned style of `jax_reinforce.py`."""

import jax
import jax.numpy as jnp
import optax
import slateq_idiomatic as slateq
import slateq_tuned
from flax import linen as nn
from reinforce_idiomatic import (
    NUM_CANDIDATES,
    NUM_TOPICS,
    SLATE_SIZE,
    Critic,
    Frame,
    Reinforce,
)


class TunedActor(nn.Module):
    """Logits [..., N] of documents with topics [..., N]."""

    @nn.compact
    def __call__(self, interests, topics):
        first, *others = slateq.HIDDEN_UNITS
        initial = nn.initializers.glorot_uniform()
        of_topics = self.param("topics", initial, (NUM_TOPICS, first))
        of_users = nn.Dense(first, kernel_init=initial)(interests)
        hidden = nn.relu(of_users[..., None, :] + of_topics[topics])
        rows = hidden.reshape(-1, first)
        return slateq.Perceptron(1, hidden_units=tuple(others))(rows).reshape(topics.shape)


class TunedCritic(Critic):
    """Values [...] of the states of users who are offered documents with topics [..., N]."""

    def __call__(self, interests, topics):
        return super().__call__(interests, jax.nn.one_hot(topics, NUM_TOPICS))


class TunedReinforce(Reinforce):
    """The agent and its training in the tuned style."""

    environment = slateq_tuned.DrawnInterestEvolution(SLATE_SIZE, NUM_CANDIDATES)
    actor, critic = TunedActor(), TunedCritic()
    optimizer = optax.flatten(Reinforce.optimizer)
    compiler_options = slateq_tuned.TunedSlateQ.compiler_options

    def documents(self, topics):
        return topics

    def step(self, params, users, key):
        draws_key, reset_key = jax.random.split(key)
        keys, uniforms = slateq_tuned.drawn(draws_key, users.budget.shape[0], NUM_CANDIDATES)
        # Half a step of the uniforms away from 0.
        noise = -jnp.log(-jnp.log(uniforms.T + 2.0**-24))
        slates = jax.lax.top_k(self.logits(params, users) + noise, SLATE_SIZE)[1]
        after, reward, done, _ = jax.vmap(self.environment.transition)(keys, users, slates)
        frames = Frame(users.interests, users.topics, slates, reward, done)
        return slateq_tuned.with_newcomers(reset_key, after, done), frames
