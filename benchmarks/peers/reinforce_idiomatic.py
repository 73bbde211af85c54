# SPDX-License-Identifier: Apache-2.0
"""REINFORCE and its training in JAX, in the idiomatic style of `jax_reinforce.py`."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import optax
import slateq_idiomatic as slateq
from flax import linen as nn
from flax.training.train_state import TrainState
from jax_simulation import State

# The settings of configs/interest_evolution/reinforce.gin, by their names there.
NUM_STEPS, TD_LAMBDA, REWARD_SCALE = 100, 0.99, 0.05
LEARNING_RATE, DECAY_STEPS, ALPHA, VALUE_COEFFICIENT = 2e-3, 600, 0.01, 0.5
SLATE_SIZE, NUM_CANDIDATES, NUM_TOPICS = slateq.SLATE_SIZE, slateq.NUM_CANDIDATES, slateq.NUM_TOPICS


class Frame(NamedTuple):
    """A step of a user."""

    interests: jax.Array  # [T]
    documents: jax.Array  # [N, T]; tuned: topics, int32 [N]
    slate: jax.Array  # int32 [K]
    reward: jax.Array
    done: jax.Array


class Actor(nn.Module):
    """Logits [..., N] of documents [..., N, T]."""

    @nn.compact
    def __call__(self, interests, documents):
        users = jnp.broadcast_to(interests[..., None, :], documents.shape)
        rows = jnp.concatenate([users, documents], axis=-1).reshape(-1, 2 * NUM_TOPICS)
        return slateq.Perceptron(1)(rows).reshape(documents.shape[:-1])


class Critic(nn.Module):
    """Values [...] of the states of users who are offered documents [..., N, T]."""

    @nn.compact
    def __call__(self, interests, documents):
        rows = jnp.concatenate([interests, jnp.mean(documents, axis=-2)], axis=-1)
        return slateq.Perceptron(1)(rows)[..., 0]


class Training(NamedTuple):
    """All that changes in a training."""

    learner: TrainState
    users: State  # [B, ...]
    key: jax.Array

    @property
    def served(self):
        """The weights that are evaluated."""
        return self.learner.params


def log_probs(logits, slate):
    """Log-probabilities [...] of slates [..., K] under a Plackett-Luce distribution."""
    chosen = jnp.take_along_axis(logits, slate, axis=-1)
    is_shown = slate[..., :, None] == jnp.arange(NUM_CANDIDATES)
    shown_before = (jnp.cumsum(is_shown, axis=-2) - is_shown) > 0
    left = jnp.where(shown_before, -jnp.inf, logits[..., None, :])
    return jnp.sum(chosen - jax.nn.logsumexp(left, axis=-1), axis=-1)


class Reinforce:
    """The agent and its training in the idiomatic style."""

    environment = slateq.ENVIRONMENT
    actor, critic = Actor(), Critic()
    optimizer = optax.adam(
        optax.cosine_decay_schedule(LEARNING_RATE, DECAY_STEPS, ALPHA), eps=slateq.ADAM_EPSILON
    )
    warm_up, steps_per_iteration = 0, NUM_STEPS
    # Of the program that makes a training.
    compiler_options: ClassVar[dict[str, Any]] = {}

    def documents(self, topics):
        """Documents as the networks take them."""
        return jax.nn.one_hot(topics, NUM_TOPICS)

    def logits(self, params, users):
        return self.actor.apply(params["actor"], users.interests, self.documents(users.topics))

    def step(self, params, users, key):
        """A step of all users; returns the users and the frames."""

        def step_user(user, key):
            draw_key, step_key, reset_key = jax.random.split(key, 3)
            logits = self.logits(params, user)
            # The largest logits with Gumbel noise are a slate of the Plackett-Luce distribution.
            slate = jax.lax.top_k(logits + jax.random.gumbel(draw_key, logits.shape), SLATE_SIZE)[1]
            after, reward, done, _ = self.environment.transition(step_key, user, slate)
            after = jax.tree.map(
                lambda new, old: jnp.where(done, new, old),
                slateq.ENVIRONMENT.reset(reset_key),
                after,
            )
            frame = Frame(user.interests, self.documents(user.topics), slate, reward, done)
            return after, frame

        return jax.vmap(step_user)(users, jax.random.split(key, users.budget.shape[0]))

    def start(self, key, num_users):
        """A training before its first step."""
        actor_key, critic_key, users_key, key = jax.random.split(key, 4)
        users = jax.vmap(slateq.ENVIRONMENT.reset)(jax.random.split(users_key, num_users))
        documents = self.documents(users.topics[:1])
        params = {
            "actor": self.actor.init(actor_key, users.interests[:1], documents),
            "critic": self.critic.init(critic_key, users.interests[:1], documents),
        }
        learner = TrainState.create(apply_fn=self.actor.apply, params=params, tx=self.optimizer)
        # Without weak types, so that the first iteration is compiled for all.
        users = jax.tree.map(lambda leaf: leaf.astype(leaf.dtype), users)
        return Training(learner, users, key)

    def loss(self, params, frames, last):
        """The loss of frames [T, B], after which users are in the states `last`."""
        values = self.critic.apply(params["critic"], frames.interests, frames.documents)
        last_value = self.critic.apply(
            params["critic"], last.interests, self.documents(last.topics)
        )
        fixed, last_value = jax.lax.stop_gradient((values, last_value))

        def back(following, step):
            advantage, next_value = following
            value, reward, done = step
            continues = 1.0 - done
            error = REWARD_SCALE * reward + continues * next_value - value
            advantage = error + continues * TD_LAMBDA * advantage
            return (advantage, value), advantage

        steps = fixed, frames.reward, frames.done
        _, advantages = jax.lax.scan(
            back, (jnp.zeros_like(last_value), last_value), steps, reverse=True
        )
        normalized = advantages - jnp.mean(advantages)
        normalized *= jax.lax.rsqrt(jnp.var(advantages) + 1e-8)
        logits = self.actor.apply(params["actor"], frames.interests, frames.documents)
        policy_loss = -jnp.mean(log_probs(logits, frames.slate) * normalized)
        return policy_loss + VALUE_COEFFICIENT * jnp.mean(jnp.square(advantages + fixed - values))

    def iterate(self, _, training):
        """Collects, and learns from what was collected."""
        key, rollout_key = jax.random.split(training.key)
        params = training.learner.params
        users, frames = jax.lax.scan(
            lambda users, key: self.step(params, users, key),
            training.users,
            jax.random.split(rollout_key, NUM_STEPS),
        )
        gradients = jax.grad(self.loss)(params, frames, users)
        return Training(training.learner.apply_gradients(grads=gradients), users, key)

    def evaluate(self, params, key, num_sessions):
        """The mean return of sessions under the likeliest slates, each of a user of its own."""
        reset_key, steps_key = jax.random.split(key)

        def step(carry):
            number, users, total, over = carry
            slates = jax.lax.top_k(self.logits(params, users), SLATE_SIZE)[1]
            keys = jax.random.split(jax.random.fold_in(steps_key, number), num_sessions)
            users, reward, done, _ = jax.vmap(slateq.ENVIRONMENT.transition)(keys, users, slates)
            return number + 1, users, total + jnp.where(over, 0.0, reward), over | done

        def goes_on(carry):
            return ~jnp.all(carry[-1]) & (carry[0] < slateq.MAX_STEPS)

        users = jax.vmap(slateq.ENVIRONMENT.reset)(jax.random.split(reset_key, num_sessions))
        carry = 0, users, jnp.zeros([num_sessions]), jnp.zeros([num_sessions], bool)
        return jnp.mean(jax.lax.while_loop(goes_on, step, carry)[2])
