# SPDX-License-Identifier: Apache-2.0
"""SlateQ and its training in JAX, in the idiomatic style of `jax_slateq.py`."""

from typing import Any, ClassVar, NamedTuple

import interest_evolution as evolution
import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax.training.train_state import TrainState
from jax_simulation import InterestEvolution, State

# The settings of configs/quickstart.gin, by their names there.
SLATE_SIZE, NUM_CANDIDATES, UNIT = 3, 10, 20.0
HIDDEN_UNITS = (64, 64)
NUM_STEPS, REPLAY_LENGTH, WARM_UP = 100, 110, 120
TD_LAMBDA, EPSILON, REWARD_SCALE, AVERAGE_TAU = 0.98, 0.05, 0.05, 0.02
LEARNING_RATE, DECAY_STEPS, ALPHA = 1e-3, 1000, 0.01
# What recsim_tf and Keras have by default. The cost of a step is at least this part of the mean.
SESSION_RETURN_TAU, LEAST_COST, ADAM_EPSILON = 0.01, 0.1, 1e-7
NUM_TOPICS = evolution.NUM_TOPICS
NO_CLICK_WEIGHT = evolution.NO_CLICK_MASS - evolution.MIN_NORMALIZER
# A slate is found in fewer rounds, and a session ends in fewer steps.
MAX_ROUNDS, MAX_STEPS = 32, 2000
ENVIRONMENT = InterestEvolution(SLATE_SIZE, NUM_CANDIDATES)


class Session(NamedTuple):
    """A user, and the session's impressions and clicks of each topic."""

    user: State
    impressions: jax.Array  # [T]
    clicks: jax.Array  # [T]


class Frame(NamedTuple):
    """What the replay keeps of a step of a user."""

    observation: jax.Array  # [3 T]: interests, impressions, clicks
    documents: jax.Array  # [N, T], the candidates; tuned: the topics of the slate, int8 [K]
    slate: jax.Array | None  # int32 [K]; tuned: None
    choice: jax.Array  # a position of the slate, SLATE_SIZE for no click
    reward: jax.Array
    done: jax.Array


class SessionValues(NamedTuple):
    """The estimates of a network, see `SessionValues` of recsim_tf."""

    reward: jax.Array  # [...]
    reward_over: jax.Array  # [..., N]
    cost: jax.Array  # [...]
    cost_over: jax.Array  # [..., N]
    log_worth: jax.Array  # [...]

    @property
    def over(self):
        return self.reward_over - jnp.exp(self.log_worth)[..., None] * self.cost_over


class Perceptron(nn.Module):
    outputs: int
    starts_at_zero: bool = False
    hidden_units: tuple[int, ...] = HIDDEN_UNITS

    @nn.compact
    def __call__(self, rows):
        initial = nn.initializers.glorot_uniform()
        for units in self.hidden_units:
            rows = nn.relu(nn.Dense(units, kernel_init=initial)(rows))
        last = nn.initializers.zeros if self.starts_at_zero else initial
        return nn.Dense(self.outputs, kernel_init=last)(rows)


class SessionQNetwork(nn.Module):
    """`SessionValues` of users [..., 3 T] and documents [..., N, T]."""

    @nn.compact
    def __call__(self, observation, documents):
        items = Perceptron(2, starts_at_zero=True)(documents)
        reward, cost, log_worth = (Perceptron(1)(observation)[..., 0] for _ in range(3))
        return SessionValues(reward, items[..., 0], cost, items[..., 1], log_worth)


class Training(NamedTuple):
    """All that changes in a training."""

    learner: TrainState
    average: Any  # the averaged weights
    step_means: jax.Array  # [2], moving averages of the rewards and the ends of a step
    sessions: Session  # [B, ...]
    replay: Frame  # [B, L, ...], of the last L steps
    num_added: jax.Array
    key: jax.Array

    @property
    def served(self):
        """The weights that are evaluated."""
        return self.average


def ratio(numerator, denominator):
    """A ratio, or 0 where the denominator is not positive."""
    return jnp.where(denominator > 0, numerator / jnp.where(denominator > 0, denominator, 1.0), 0.0)


class SlateQ:
    """The agent and its training in the idiomatic style."""

    environment = ENVIRONMENT
    network = SessionQNetwork()
    optimizer = optax.adam(
        optax.cosine_decay_schedule(LEARNING_RATE, DECAY_STEPS, ALPHA), eps=ADAM_EPSILON
    )
    # An iteration collects at its end, so what the first iteration would collect is added.
    warm_up, steps_per_iteration = WARM_UP + 1, 1
    # Of the program that makes a training.
    compiler_options: ClassVar[dict[str, Any]] = {}

    def reset(self, key):
        """The session of a new user."""
        return Session(ENVIRONMENT.reset(key), jnp.zeros([NUM_TOPICS]), jnp.zeros([NUM_TOPICS]))

    def reset_users(self, key, num_users):
        """The sessions of new users."""
        return jax.vmap(self.reset)(jax.random.split(key, num_users))

    def observe(self, session):
        """The observation of a user, [3 T]."""
        counts = [session.impressions / UNIT, session.clicks / UNIT]
        return jnp.concatenate([session.user.interests, *counts])

    def transition(self, key, session, slate):
        """Shows a slate to a user; returns the session, reward, whether it ends, and the choice."""
        user, reward, done, choice = self.environment.transition(key, session.user, slate)
        shown = jax.nn.one_hot(session.user.topics[slate], NUM_TOPICS)
        impressions = session.impressions + jnp.sum(shown, axis=0)
        clicks = session.clicks + (jnp.arange(SLATE_SIZE) == choice) @ shown
        return Session(user, impressions, clicks), reward, done, choice

    def best_slate(self, params, session):
        """The best slate for a user, by Dinkelbach's iteration (Dinkelbach 1967)."""
        documents = jax.nn.one_hot(session.user.topics, NUM_TOPICS)
        over = self.network.apply(params, self.observe(session), documents).over
        weights = session.user.interests[session.user.topics] - evolution.MIN_NORMALIZER

        def solve(guess):
            slate = jax.lax.top_k(weights * (over - guess), SLATE_SIZE)[1]
            return slate, weights[slate] @ over[slate] / (weights[slate].sum() + NO_CLICK_WEIGHT)

        def improve(carry):
            rounds, _, value, _ = carry
            slate, improved = solve(value)
            return rounds + 1, value, jnp.maximum(value, improved), slate

        def rises(carry):
            rounds, before, value, _ = carry
            return (value > before) & (rounds < MAX_ROUNDS)

        slate, value = solve(0.0)
        return jax.lax.while_loop(rises, improve, (1, -jnp.inf, value, slate))[-1]

    def frame(self, session, slate, choice, reward, done):
        documents = jax.nn.one_hot(session.user.topics, NUM_TOPICS)
        return Frame(self.observe(session), documents, slate, choice, reward, done)

    def step(self, key, params, sessions, epsilon):
        """A step of all users under the best slates, or with a probability epsilon random ones;
        returns the sessions and the frames.
        """

        def step_user(key, session):
            explore_key, slate_key, step_key, reset_key = jax.random.split(key, 4)
            explores = jax.random.bernoulli(explore_key, epsilon)
            random = self.environment.draw_slate(slate_key)
            slate = jnp.where(explores, random, self.best_slate(params, session))
            after, reward, done, choice = self.transition(step_key, session, slate)
            after = jax.tree.map(
                lambda new, old: jnp.where(done, new, old), self.reset(reset_key), after
            )
            return after, self.frame(session, slate, choice, reward, done)

        keys = jax.random.split(key, sessions.user.budget.shape[0])
        return jax.vmap(step_user)(keys, sessions)

    def values_of_slates(self, params, frames):
        """Values of the documents shown, and their choice weights [M, K], for frames [M]."""
        shown = jnp.take_along_axis(frames.documents, frames.slate[..., None], axis=1)
        scores = jnp.einsum("mkt,mt->mk", shown, frames.observation[:, :NUM_TOPICS])
        values = self.network.apply(params, frames.observation, shown)
        return values, scores - evolution.MIN_NORMALIZER

    def returns(self, rewards, factors):
        """Returns y_t = r_t + f_t y_{t+1} of rewards [R, B, T] and factors [B, T]."""

        def back(following, step):
            reward, factor = step
            total = reward + factor * following
            return total, total

        steps = jnp.moveaxis(rewards, -1, 0), factors.T
        totals = jax.lax.scan(back, jnp.zeros(rewards.shape[:-1]), steps, reverse=True)[1]
        return jnp.moveaxis(totals, 0, -1)

    def loss(self, params, frames, reward_target, cost_target):
        """The losses of a `SessionQNetwork` for frames [M], see `session_losses` of recsim_tf."""
        values, weights = self.values_of_slates(params, frames)
        probabilities = weights / (jnp.sum(weights, axis=-1, keepdims=True) + NO_CLICK_WEIGHT)
        surprise = (frames.choice[:, None] == jnp.arange(SLATE_SIZE)) - probabilities
        errors = sum(
            jnp.mean(jnp.square(mean + jnp.sum(surprise * over, axis=-1) - target))
            for mean, over, target in (
                (values.reward, values.reward_over, reward_target),
                (values.cost, values.cost_over, cost_target),
            )
        )
        reward = REWARD_SCALE * frames.reward
        mean_reward = jnp.mean(reward)
        over = jax.lax.stop_gradient(jnp.sum(probabilities * values.cost_over, axis=-1))
        cost = jnp.maximum(over - jnp.mean(over) + mean_reward, LEAST_COST * mean_reward)
        poisson = jnp.mean(cost * jnp.exp(values.log_worth) - reward * values.log_worth)
        return errors + ratio(poisson, mean_reward)

    def start(self, key, num_users):
        """A training before its first step."""
        params_key, sessions_key, key = jax.random.split(key, 3)
        documents = jnp.zeros([NUM_CANDIDATES, NUM_TOPICS])
        params = self.network.init(params_key, jnp.zeros([3 * NUM_TOPICS]), documents)
        sessions = self.reset_users(sessions_key, num_users)
        _, frames = jax.eval_shape(self.step, key, params, sessions, EPSILON)
        replay = jax.tree.map(
            lambda leaf: jnp.zeros([num_users, REPLAY_LENGTH, *leaf.shape[1:]], leaf.dtype), frames
        )
        learner = TrainState.create(apply_fn=self.network.apply, params=params, tx=self.optimizer)
        average = jax.tree.map(jnp.copy, params)
        return Training(learner, average, jnp.zeros([2]), sessions, replay, jnp.array(0), key)

    def collect(self, training):
        """Steps all users and keeps the frames."""
        key, step_key = jax.random.split(training.key)
        params = training.learner.params
        sessions, frames = self.step(step_key, params, training.sessions, EPSILON)
        # XLA would merge the update of the replay with what reads it, and copy it for that.
        frames = jax.lax.optimization_barrier(frames)
        time = training.num_added % REPLAY_LENGTH
        replay = jax.tree.map(
            lambda kept, new: jax.lax.dynamic_update_index_in_dim(kept, new, time, axis=1),
            training.replay,
            frames,
        )
        added = training.num_added + 1
        return training._replace(sessions=sessions, replay=replay, num_added=added, key=key)

    def iterate(self, batch_size, training):
        """Learns from sequences, and then collects for the next iteration."""
        key, time_key, user_key = jax.random.split(training.key, 3)
        # The oldest frame is where the next one goes.
        first = jax.random.randint(time_key, [batch_size, 1], 0, REPLAY_LENGTH - NUM_STEPS + 1)
        times = (training.num_added + first + jnp.arange(NUM_STEPS)) % REPLAY_LENGTH
        num_users = training.replay.reward.shape[0]
        users = jax.random.randint(user_key, [batch_size, 1], 0, num_users)
        frames = jax.tree.map(lambda leaf: leaf[users, times], training.replay)
        of_steps = jnp.stack([frames.reward, frames.done])
        change = jnp.mean(of_steps, axis=(1, 2)) - training.step_means
        step_means = training.step_means + SESSION_RETURN_TAU * change
        session_return = ratio(step_means[0], step_means[1])
        clock = ratio(frames.reward, step_means[0])
        targets = self.returns(
            REWARD_SCALE * jnp.stack([frames.reward, session_return * frames.done]),
            jnp.where(frames.done, 0.0, TD_LAMBDA**clock),
        ).reshape(2, -1)
        frames = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), frames)
        gradients = jax.grad(self.loss)(training.learner.params, frames, *targets)
        learner = training.learner.apply_gradients(grads=gradients)
        average = optax.incremental_update(learner.params, training.average, AVERAGE_TAU)
        learned = {"learner": learner, "average": average, "step_means": step_means}
        return self.collect(training._replace(**learned, key=key))

    def evaluate(self, params, key, num_sessions):
        """The mean return of sessions, each of a user of its own."""
        reset_key, steps_key = jax.random.split(key)

        def step(carry):
            number, sessions, total, over = carry
            key = jax.random.fold_in(steps_key, number)
            sessions, frames = self.step(key, params, sessions, 0.0)
            total += jnp.where(over, 0.0, frames.reward)
            return number + 1, sessions, total, over | frames.done

        def goes_on(carry):
            return ~jnp.all(carry[-1]) & (carry[0] < MAX_STEPS)

        sessions = self.reset_users(reset_key, num_sessions)
        carry = 0, sessions, jnp.zeros([num_sessions]), jnp.zeros([num_sessions], bool)
        return jnp.mean(jax.lax.while_loop(goes_on, step, carry)[2])
