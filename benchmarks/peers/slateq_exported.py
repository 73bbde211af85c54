# SPDX-License-Identifier: Apache-2.0
"""SlateQ in JAX, in the idiomatic style, in an interest evolution that recsim_tf exported."""

import sys
from typing import Any, NamedTuple

import interest_evolution as evolution
import jax
import jax.numpy as jnp
from jax_simulation import State
from slateq_idiomatic import NUM_TOPICS, SLATE_SIZE, SlateQ


class Session(NamedTuple):
    """A user, the session's impressions and clicks of each topic, and the exported state."""

    user: State  # as it is observed, without the budget
    impressions: jax.Array  # [T]
    clicks: jax.Array  # [T]
    state: Any


class ExportedSlateQ(SlateQ):
    """The agent and its training in an exported environment of B users.

    Args:
      folder: the folder that `Simulator.export_environment` wrote, of slates of 3 of 10.
    """

    def __init__(self, folder):
        sys.path.insert(0, folder)
        from environment import Environment

        self.exported = Environment(folder)
        self.num_users = self.exported.num_users

    def reset_users(self, key, num_users):
        if num_users != self.num_users:
            raise SystemExit(f"--users must be {self.num_users}, as exported, got {num_users}")
        return self._sessions(*self.exported.reset(key))

    def step(self, key, params, sessions, epsilon):
        slates_key, step_key = jax.random.split(key)

        def choose(key, session):
            explore_key, slate_key = jax.random.split(key)
            explores = jax.random.bernoulli(explore_key, epsilon)
            random = self.environment.draw_slate(slate_key)
            return jnp.where(explores, random, self.best_slate(params, session))

        slates = jax.vmap(choose)(jax.random.split(slates_key, self.num_users), sessions)
        *after, reward, done, info = self.exported.step(step_key, sessions.state, slates)
        clicked = info["last_observation"]["response.clicked"]
        choice = jnp.where(jnp.any(clicked > 0, axis=1), jnp.argmax(clicked, axis=1), SLATE_SIZE)
        frames = jax.vmap(self.frame)(sessions, slates, choice, reward, done)

        topics = jnp.take_along_axis(sessions.user.topics, slates, axis=1)
        shown = jax.nn.one_hot(topics, NUM_TOPICS)
        goes_on = ~done[:, jnp.newaxis]
        counts = (
            sessions.impressions + jnp.sum(shown, axis=1),
            sessions.clicks + jnp.einsum("bk,bkt->bt", clicked, shown),
        )
        return self._sessions(*after, *(count * goes_on for count in counts)), frames

    def evaluate(self, params, key, num_sessions):
        """The mean return of at least so many sessions, B at a time."""
        keys = jax.random.split(key, -(-num_sessions // self.num_users))
        evaluate = super().evaluate
        return jnp.mean(jax.lax.map(lambda key: evaluate(params, key, self.num_users), keys))

    def _sessions(self, observation, state, impressions=None, clicks=None):
        topics = jnp.argmax(observation["documents"], axis=-1)
        user = State(observation["user"], jnp.full([self.num_users], evolution.TIME_BUDGET), topics)
        none = jnp.zeros([self.num_users, NUM_TOPICS])
        counts = (none if count is None else count for count in (impressions, clicks))
        return Session(user, *counts, state)
