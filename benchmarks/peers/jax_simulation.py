# SPDX-License-Identifier: Apache-2.0
"""Interest evolution written in JAX for this comparison: user-steps per CPU second.

Run by `benchmarks/speed.py` with an interpreter that has JAX (nothing of recsim_tf is needed):

    python jax_simulation.py --style=idiomatic --users=32,1024,16384 --slate_size=3
    --num_candidates=10 --seconds=10

The same as in recsim_tf: the dynamics and defaults of InterestEvolution-v1, fresh candidates at
each step, uniform slates without replacement, a new user in the place of each who leaves, as many
steps in a call, and all draws new in each call. An environment is written for one user, with a key
for each draw, `vmap` over users and `scan` over time; rewards and finished sessions are summed on
the way. Keys are JAX's default, ThreeFry. The styles share the dynamics and differ in the draws:

- idiomatic: after gymnax's environments and JAX's documentation. Each draw is a function of
  `jax.random` made for it, and of several the fastest: topics are `randint`, the choice is `choice`
  with probabilities (`categorical` is as fast), and the slate is `choice` without replacement, with
  equal probabilities given, which makes the simulation 1.4 times as fast as without them or with
  `permutation`. A step auto-resets as in gymnax: it steps, resets, and selects the one state or the
  other.
- tuned: the least time of the ways that were tried. Slates by the ranks that recsim_tf draws too,
  topics as floored uniforms, choices by one uniform's place among the cumulative weights, and new
  users drawn only in steps where somebody has left.

The last line is JSON. Exits with status 3 where JAX is missing.
"""

import sys
from typing import NamedTuple

import interest_evolution as evolution

try:
    import jax
    import jax.numpy as jnp
except ImportError as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    sys.exit(evolution.MISSING)


class State(NamedTuple):
    """A user and the candidates that the next slate is chosen from."""

    interests: jax.Array  # [T]
    budget: jax.Array  # []
    topics: jax.Array  # int32 [N], of the candidates


class Keys(NamedTuple):
    """A key for each draw of a transition."""

    quality: jax.Array
    choice: jax.Array
    direction: jax.Array
    topics: jax.Array


def mean_quality():
    """The mean quality of each topic, [T]."""
    num_negative = int(0.7 * evolution.NUM_TOPICS)
    return jnp.concatenate(
        [
            jnp.linspace(evolution.MIN_UTILITY, 0.0, num_negative),
            jnp.linspace(0.0, evolution.MAX_UTILITY, evolution.NUM_TOPICS - num_negative),
        ]
    )


class InterestEvolution:
    """The environment of one user; the draws are those of the idiomatic style."""

    def __init__(self, slate_size, num_candidates):
        self.slate_size, self.num_candidates = slate_size, num_candidates

    def draw_interests(self, key):
        """Interests of a new user, [T]."""
        return jax.random.uniform(key, [evolution.NUM_TOPICS], minval=-1.0, maxval=1.0)

    def draw_topics(self, key):
        """Topics of new candidates, int32 [N]."""
        return jax.random.randint(key, [self.num_candidates], 0, evolution.NUM_TOPICS)

    def draw_slate(self, key):
        """A uniform slate without replacement, int32 [K]."""
        probabilities = jnp.full([self.num_candidates], 1.0 / self.num_candidates)
        return jax.random.choice(
            key, self.num_candidates, [self.slate_size], replace=False, p=probabilities
        )

    def draw_quality(self, key):
        """Standard normals of the documents shown, [K]."""
        return jax.random.normal(key, [self.slate_size])

    def draw_choice(self, key, weights):
        """A position, int32 [], by weights."""
        return jax.random.choice(key, weights.shape[0], p=weights / jnp.sum(weights))

    def draw_direction(self, key, probability):
        """Whether the interest moves towards the document, bool []."""
        return jax.random.bernoulli(key, probability)

    def split(self, key):
        """The keys of a transition."""
        return Keys(*jax.random.split(key, 4))

    def reset(self, key):
        """The state of a new user."""
        interests_key, topics_key = jax.random.split(key)
        return State(
            self.draw_interests(interests_key),
            jnp.asarray(evolution.TIME_BUDGET),
            self.draw_topics(topics_key),
        )

    def transition(self, key, state, slate):
        """Shows a slate, int32 [K], to a user; returns the next state, the reward, whether the user
        leaves, and the position of the choice, slate_size for none.
        """
        keys = self.split(key)
        interests, topics = state.interests, state.topics[slate]
        noise = evolution.QUALITY_STDDEV * self.draw_quality(keys.quality)
        quality = mean_quality()[topics] + noise

        scores = interests[topics]
        choice = self.draw_choice(
            keys.choice, jnp.append(scores, evolution.NO_CLICK_MASS) - evolution.MIN_NORMALIZER
        )
        clicked, position = choice < self.slate_size, jnp.minimum(choice, self.slate_size - 1)
        watch_time = jnp.where(
            clicked, jnp.minimum(jnp.maximum(state.budget, 0.0), evolution.VIDEO_LENGTH), 0.0
        )

        # The drift: of the interest in the document's topic, towards it or away from it.
        document = (clicked & (jnp.arange(evolution.NUM_TOPICS) == topics[position])).astype(
            interests.dtype
        )
        towards = self.draw_direction(keys.direction, (scores[position] + 1) / 2)
        alpha = (
            evolution.ALPHA_Y_INTERCEPT
            - evolution.ALPHA_Y_INTERCEPT / evolution.ALPHA_X_INTERCEPT * jnp.abs(interests)
        )
        shift = jnp.where(towards, alpha, -alpha) * document * (document - interests)

        gain = evolution.USER_UPDATE_ALPHA * watch_time * quality[position]
        budget = state.budget - jnp.where(clicked, watch_time - gain, evolution.STEP_PENALTY)
        return (
            State(jnp.clip(interests + shift, -1.0, 1.0), budget, self.draw_topics(keys.topics)),
            watch_time,
            budget <= 0,
            choice,
        )

    def step(self, key, state, slate):
        """A transition, and a new user where the user leaves."""
        step_key, reset_key = jax.random.split(key)
        state, reward, done, _ = self.transition(step_key, state, slate)
        state = jax.tree.map(
            lambda new, old: jnp.where(done, new, old), self.reset(reset_key), state
        )
        return state, reward, done

    def step_batch(self, key, state):
        """Steps a batch of users, each with a slate of its own."""

        def step(key, state):
            slate_key, step_key = jax.random.split(key)
            return self.step(step_key, state, self.draw_slate(slate_key))

        return jax.vmap(step)(jax.random.split(key, state.budget.shape[0]), state)


class TunedInterestEvolution(InterestEvolution):
    """The environment with the draws of the tuned style."""

    def uniform(self, key, shape=()):
        """Uniforms in [0, 1), from which topics, slates and choices are made."""
        return jax.random.uniform(key, shape)

    def draw_topics(self, key):
        uniforms = self.uniform(key, [self.num_candidates])
        return (uniforms * evolution.NUM_TOPICS).astype(jnp.int32)

    def draw_slate(self, key):
        """Each position has a rank among the candidates that are left."""
        num_left = jnp.arange(self.num_candidates, self.num_candidates - self.slate_size, -1)
        ranks = (self.uniform(key, [self.slate_size]) * num_left).astype(jnp.int32)
        slate = []
        for k in range(self.slate_size):
            position = ranks[k]
            for earlier in reversed(range(k)):
                position += position >= ranks[earlier]
            slate.append(position)
        return jnp.stack(slate)

    def draw_choice(self, key, weights):
        cumulative = jnp.cumsum(weights)
        return jnp.sum(self.uniform(key) * cumulative[-1] >= cumulative[:-1])

    def step(self, key, state, slate):
        """A transition alone."""
        return self.transition(key, state, slate)[:3]

    def step_batch(self, key, state):
        """Steps a batch of users. If anybody leaves, new users are drawn for all, and take the
        places of those who leave.
        """
        users_key, reset_key = jax.random.split(key)
        state, reward, done = super().step_batch(users_key, state)

        def seat_newcomers():
            interests = jax.vmap(self.draw_interests)(jax.random.split(reset_key, done.shape[0]))
            interests = jnp.where(done[:, None], interests, state.interests)
            return state._replace(
                interests=interests, budget=jnp.where(done, evolution.TIME_BUDGET, state.budget)
            )

        return jax.lax.cond(jnp.any(done), seat_newcomers, lambda: state), reward, done


STYLES = {"idiomatic": InterestEvolution, "tuned": TunedInterestEvolution}


def simulation(arguments, num_users, num_steps):
    """A function, seed -> (total reward, finished sessions), that simulates auto-reset sessions,
    compiled.
    """
    environment = STYLES[arguments.style](arguments.slate_size, arguments.num_candidates)

    def step(carry, key):
        state, total, sessions = carry
        state, reward, done = environment.step_batch(key, state)
        return (state, total + jnp.sum(reward), sessions + jnp.sum(done)), None

    @jax.jit
    def simulate(key):
        reset_key, steps_key = jax.random.split(key)
        state = jax.vmap(environment.reset)(jax.random.split(reset_key, num_users))
        carry, _ = jax.lax.scan(step, (state, 0.0, 0), jax.random.split(steps_key, num_steps))
        return carry[1:]

    return lambda seed: simulate(jax.random.key(seed))


if __name__ == "__main__":
    evolution.main(__doc__, STYLES, simulation, jax.__version__)
