# SPDX-License-Identifier: Apache-2.0
"""SlateQ and its training in JAX, in the tuned style of `jax_slateq.py`."""

from typing import Any, ClassVar

import interest_evolution as evolution
import jax
import jax.numpy as jnp
import optax
from jax_simulation import Keys, TunedInterestEvolution
from slateq_idiomatic import (
    NO_CLICK_WEIGHT,
    NUM_CANDIDATES,
    NUM_STEPS,
    NUM_TOPICS,
    SLATE_SIZE,
    Frame,
    Session,
    SlateQ,
)

# After so many rounds all of 2,048 slates were the best, after one less all but one.
ROUNDS = 4


class DrawnInterestEvolution(TunedInterestEvolution):
    """The environment where numbers that are drawn already stand in the place of keys."""

    def split(self, key):
        return key

    def uniform(self, key, shape=()):
        return key

    def draw_quality(self, key):
        # Only the quality of the clicked document has an effect, so one number does for all.
        return key

    def draw_direction(self, key, probability):
        return key < probability


def drawn(key, num_users, num_more):
    """The numbers of a step of all users: those of a transition, and `num_more` uniforms
    [num_more, B].
    """
    size = [3 + NUM_CANDIDATES + num_more, num_users]
    # A flat block is drawn in less time than one of two axes.
    draws = jax.random.uniform(key, [size[0] * size[1]]).reshape(size)
    quality, choice, direction = draws[:3]
    topics, more = jnp.split(draws[3:], [NUM_CANDIDATES])
    # Half a step of the uniforms away from 0 and 1.
    quality = jnp.sqrt(2.0) * jax.lax.erf_inv(2 * quality - 1 + 2.0**-24)
    return Keys(quality, choice, direction, topics.T), more


def with_newcomers(key, users, done):
    """Users, with new ones in the places of those who are done. New users are drawn where anybody
    is.
    """

    def seat_newcomers():
        uniforms = jax.random.uniform(key, [users.interests.size], minval=-1.0)
        return jnp.where(done[:, None], uniforms.reshape(users.interests.shape), users.interests)

    interests = jax.lax.cond(jnp.any(done), seat_newcomers, lambda: users.interests)
    budget = jnp.where(done, evolution.TIME_BUDGET, users.budget)
    return users._replace(interests=interests, budget=budget)


class TunedSlateQ(SlateQ):
    """The agent and its training in the tuned style."""

    environment = DrawnInterestEvolution(SLATE_SIZE, NUM_CANDIDATES)
    optimizer = optax.flatten(SlateQ.optimizer)
    compiler_options: ClassVar[dict[str, Any]] = {"xla_backend_optimization_level": 0}

    def values_of_topics(self, params, observation, topics):
        """Values of documents [M, N] of these topics."""
        values = self.network.apply(params, observation, jnp.eye(NUM_TOPICS))
        reward_over, cost_over = values.reward_over[topics], values.cost_over[topics]
        return values._replace(reward_over=reward_over, cost_over=cost_over)

    def choice_weights(self, interests, topics):
        return jnp.take_along_axis(interests, topics, axis=1) - evolution.MIN_NORMALIZER

    def best_slates(self, params, sessions):
        """The best slates for all users, int32 [B, K]."""
        topics = sessions.user.topics
        over = self.values_of_topics(params, jax.vmap(self.observe)(sessions), topics).over.T
        weights = self.choice_weights(sessions.user.interests, topics).T
        positions = jnp.arange(NUM_CANDIDATES)[:, None]

        def solve(guess):
            scores = weights * (over - guess)
            slate, gained, total = [], 0.0, NO_CLICK_WEIGHT
            for _ in range(SLATE_SIZE):
                is_best = scores == jnp.max(scores, axis=0)
                best = jnp.min(jnp.where(is_best, positions, NUM_CANDIDATES), axis=0)
                shown = jnp.where(positions == best, weights, 0.0)
                gained, total = (
                    gained + jnp.sum(shown * over, axis=0),
                    total + jnp.sum(shown, axis=0),
                )
                scores = jnp.where(positions == best, -jnp.inf, scores)
                slate.append(best)
            return jnp.stack(slate), gained / total

        first = solve(jnp.zeros(weights.shape[1]))
        return jax.lax.fori_loop(1, ROUNDS, lambda _, last: solve(last[1]), first)[0].T

    def frame(self, session, slate, choice, reward, done):
        topics = session.user.topics[slate].astype(jnp.int8)
        return Frame(self.observe(session), topics, None, choice.astype(jnp.int8), reward, done)

    def step(self, key, params, sessions, epsilon):
        draws_key, reset_key = jax.random.split(key)
        num_users = sessions.user.budget.shape[0]
        keys, draws = drawn(draws_key, num_users, 1 + SLATE_SIZE)
        explore, ranks = draws[0], draws[1:].T
        random = jax.vmap(self.environment.draw_slate)(ranks)
        slates = jnp.where(explore[:, None] < epsilon, random, self.best_slates(params, sessions))
        after, reward, done, choice = jax.vmap(self.transition)(keys, sessions, slates)
        frames = jax.vmap(self.frame)(sessions, slates, choice, reward, done)
        user = with_newcomers(reset_key, after.user, done)
        impressions, clicks = (
            jnp.where(done[:, None], 0.0, counts) for counts in (after.impressions, after.clicks)
        )
        return Session(user, impressions, clicks), frames

    def values_of_slates(self, params, frames):
        topics = frames.documents.astype(jnp.int32)
        values = self.values_of_topics(params, frames.observation, topics)
        return values, self.choice_weights(frames.observation, topics)

    def returns(self, rewards, factors):
        span = 1
        while span < NUM_STEPS:
            later = jnp.pad(rewards[..., span:], [(0, 0), (0, 0), (0, span)])
            rewards = rewards + factors * later
            factors = factors * jnp.pad(factors[:, span:], [(0, 0), (0, span)])
            span *= 2
        return rewards
