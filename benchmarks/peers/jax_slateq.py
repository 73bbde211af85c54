"""TODO"""

import argparse
import functools
import json
import platform
import sys
from typing import Any, NamedTuple

import interest_evolution as evolution
import learning_clock

try:
    import flax
    import jax
    import jax.numpy as jnp
    import optax
    from flax import linen as nn
    from flax.training.train_state import TrainState
except ImportError as error:
    print(f"{type(error).__name__}: {error}", file=sys.stderr)
    sys.exit(evolution.MISSING)

from jax_simulation import InterestEvolution, Keys, State, TunedInterestEvolution

# The settings of configs/quickstart.gin, which has their names.
SLATE_SIZE, NUM_CANDIDATES, NUM_TOPICS = 3, 10, evolution.NUM_TOPICS
HIDDEN_UNITS = (64, 64)
NUM_STEPS, REPLAY_LENGTH, WARM_UP = 100, 110, 120
TD_LAMBDA, EPSILON, REWARD_SCALE, UNIT = 0.98, 0.05, 0.05, 20.0
AVERAGE_TAU, SESSION_RETURN_TAU = 0.02, 0.01
LEARNING_RATE, DECAY_STEPS, DECAY_ALPHA = 1e-3, 1000, 0.01
# Keras' epsilon of Adam, and the least cost of a step, as a part of the mean.
ADAM_EPSILON, LEAST_COST = 1e-7, 0.1
# The choice weight of no click.
NO_CLICK = evolution.NO_CLICK_MASS - evolution.MIN_NORMALIZER
# Dinkelbach's iteration ends before so many rounds; a session before so many steps.
MAX_ROUNDS, MAX_STEPS = 32, 2000


class Session(NamedTuple):
    """A user, and what was shown and clicked in the session."""

    user: State
    impressions: jax.Array  # [T]
    clicks: jax.Array  # [T]


class Frame(NamedTuple):
    """What is kept of a step."""

    observation: jax.Array  # [3 T], of the user
    documents: jax.Array  # of the candidates, or of the slate
    slate: jax.Array
    choice: jax.Array  # int [], a position of the slate, SLATE_SIZE for no click
    reward: jax.Array  # []
    done: jax.Array  # []


class Values(NamedTuple):
    """The estimates of the network, see recsim_tf's `SessionValues`."""

    reward: jax.Array  # [...]
    reward_over: jax.Array  # [..., N]
    cost: jax.Array  # [...]
    cost_over: jax.Array  # [..., N]
    log_worth: jax.Array  # [...]

    def over(self):
        return self.reward_over - jnp.exp(self.log_worth)[..., None] * self.cost_over


class Perceptron(nn.Module):
    outputs: int

    @nn.compact
    def __call__(self, rows):
        initial = nn.initializers.glorot_uniform()
        for units in HIDDEN_UNITS:
            rows = nn.relu(nn.Dense(units, kernel_init=initial)(rows))
        return nn.Dense(self.outputs, kernel_init=initial)(rows)


class SessionQNetwork(nn.Module):
    @nn.compact
    def __call__(self, observation, documents):
        items = Perceptron(2)(documents)
        reward, cost, log_worth = (Perceptron(1)(observation)[..., 0] for _ in range(3))
        return Values(reward, items[..., 0], cost, items[..., 1], log_worth)


class Training(NamedTuple):
    learner: TrainState
    average: Any
    step_reward: jax.Array
    step_ends: jax.Array
    sessions: Session
    replay: Frame
    num_added: jax.Array
    key: jax.Array


def ratio(numerator, denominator):
    """0 where the denominator is not positive."""
    return jnp.where(denominator > 0, numerator / jnp.where(denominator > 0, denominator, 1.0), 0.0)


class SlateQ:
    """Idiomatic."""

    environment = InterestEvolution(SLATE_SIZE, NUM_CANDIDATES)
    network = SessionQNetwork()

    def optimizer(self):
        schedule = optax.cosine_decay_schedule(LEARNING_RATE, DECAY_STEPS, DECAY_ALPHA)
        return optax.adam(schedule, eps=ADAM_EPSILON)

    # one user

    def reset(self, key):
        return Session(self.environment.reset(key), jnp.zeros([NUM_TOPICS]), jnp.zeros([NUM_TOPICS]))

    def observe(self, session):
        counts = [session.impressions / UNIT, session.clicks / UNIT]
        return jnp.concatenate([session.user.interests, *counts])

    def transition(self, key, session, slate):
        user, reward, done, choice = self.environment.transition(key, session.user, slate)
        shown = jax.nn.one_hot(session.user.topics[slate], NUM_TOPICS)
        clicked = (jnp.arange(SLATE_SIZE) == choice) @ shown
        impressions, clicks = session.impressions + shown.sum(0), session.clicks + clicked
        return Session(user, impressions, clicks), reward, done, choice

    def step(self, key, session, slate):
        step_key, reset_key = jax.random.split(key)
        session, *outcome = self.transition(step_key, session, slate)
        session = jax.tree.map(
            lambda new, old: jnp.where(outcome[1], new, old), self.reset(reset_key), session
        )
        return session, *outcome

    def best_slate(self, params, session):
        documents = jax.nn.one_hot(session.user.topics, NUM_TOPICS)
        over = self.network.apply(params, self.observe(session), documents).over()
        weights = session.user.interests[session.user.topics] - evolution.MIN_NORMALIZER

        def improve(guess):
            slate = jax.lax.top_k(weights * (over - guess), SLATE_SIZE)[1]
            return slate, weights[slate] @ over[slate] / (jnp.sum(weights[slate]) + NO_CLICK)

        def body(carry):
            _, _, value, rounds = carry
            slate, improved = improve(value)
            return value, slate, jnp.maximum(value, improved), rounds + 1

        slate, value = improve(0.0)
        return jax.lax.while_loop(
            lambda carry: (carry[2] > carry[0]) & (carry[3] < MAX_ROUNDS),
            body,
            (-jnp.inf, slate, value, 1),
        )[1]

    def slate(self, key, params, session, epsilon):
        explore_key, slate_key = jax.random.split(key)
        return jnp.where(
            jax.random.bernoulli(explore_key, epsilon),
            self.environment.draw_slate(slate_key),
            self.best_slate(params, session),
        )

    # all

    def reset_all(self, key, num_users):
        return jax.vmap(self.reset)(jax.random.split(key, num_users))

    def step_all(self, key, params, sessions, epsilon):
        def step(key, session):
            slate_key, step_key = jax.random.split(key)
            slate = self.slate(slate_key, params, session, epsilon)
            after, reward, done, choice = self.step(step_key, session, slate)
            return after, self.frame(session, slate, choice, reward, done)

        keys = jax.random.split(key, sessions.user.budget.shape[0])
        return jax.vmap(step)(keys, sessions)

    def frame(self, session, slate, choice, reward, done):
        documents = jax.nn.one_hot(session.user.topics, NUM_TOPICS)
        return Frame(self.observe(session), documents, slate, choice, reward, done)

    def shown_values(self, params, frames):
        shown = jnp.take_along_axis(frames.documents, frames.slate[..., None], axis=1)
        weights = jnp.einsum("mkt,mt->mk", shown, frames.observation[:, :NUM_TOPICS])
        return self.network.apply(params, frames.observation, shown), weights - evolution.MIN_NORMALIZER

    def sums(self, rewards, factors):
        """[R, B, T], [B, T]."""

        def back(following, now):
            reward, factor = now
            total = reward + factor * following
            return total, total

        inputs = jnp.moveaxis(rewards, 2, 0), factors.T
        _, totals = jax.lax.scan(back, jnp.zeros(rewards.shape[:2]), inputs, reverse=True)
        return jnp.moveaxis(totals, 0, 2)

    # learning

    def loss(self, params, frames, targets):
        """The losses of a `SessionQNetwork` [M]."""
        values, weights = self.shown_values(params, frames)
        probabilities = weights / (jnp.sum(weights, axis=-1, keepdims=True) + NO_CLICK)
        clicked = frames.choice[:, None] == jnp.arange(SLATE_SIZE)

        def squared_error(mean, over, target):
            returned = mean + jnp.sum((clicked - probabilities) * over, axis=-1)
            return jnp.mean(jnp.square(returned - target))

        errors = squared_error(values.reward, values.reward_over, targets[0])
        errors += squared_error(values.cost, values.cost_over, targets[1])
        over = jax.lax.stop_gradient(jnp.sum(probabilities * values.cost_over, axis=-1))
        reward = REWARD_SCALE * frames.reward
        mean_reward = jnp.mean(reward)
        cost = jnp.maximum(over - jnp.mean(over) + mean_reward, LEAST_COST * mean_reward)
        poisson = jnp.mean(cost * jnp.exp(values.log_worth) - reward * values.log_worth)
        return errors + ratio(poisson, mean_reward)

    def sample(self, key, training, batch):
        time_key, user_key = jax.random.split(key)
        num_users = training.replay.reward.shape[0]
        # The oldest frame is the next one to be overwritten.
        starts = jax.random.randint(time_key, [batch, 1], 0, REPLAY_LENGTH - NUM_STEPS + 1)
        times = (training.num_added + starts + jnp.arange(NUM_STEPS)) % REPLAY_LENGTH
        users = jax.random.randint(user_key, [batch, 1], 0, num_users)
        return jax.tree.map(lambda leaf: leaf[users, times], training.replay)

    def collect(self, training):
        key, step_key = jax.random.split(training.key)
        sessions, frame = self.step_all(step_key, training.learner.params, training.sessions, EPSILON)
        frame = jax.lax.optimization_barrier(frame)
        replay = jax.tree.map(
            lambda kept, new: jax.lax.dynamic_update_index_in_dim(
                kept, new, training.num_added % REPLAY_LENGTH, 1
            ),
            training.replay,
            frame,
        )
        return training._replace(
            sessions=sessions, replay=replay, num_added=training.num_added + 1, key=key
        )

    def iterate(self, batch, training):
        key, sample_key = jax.random.split(training.key)
        frames = self.sample(sample_key, training, batch)
        step_reward, step_ends = (
            mean + SESSION_RETURN_TAU * (jnp.mean(values) - mean)
            for mean, values in (
                (training.step_reward, frames.reward),
                (training.step_ends, frames.done.astype(jnp.float32)),
            )
        )
        clock = ratio(jnp.maximum(frames.reward, 0.0), step_reward)
        factors = jnp.where(frames.done, 0.0, TD_LAMBDA**clock)
        rewards = jnp.stack([frames.reward, frames.done * ratio(step_reward, step_ends)])
        targets = self.sums(REWARD_SCALE * rewards, factors).reshape(2, -1)
        frames = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), frames)
        gradients = jax.grad(self.loss)(training.learner.params, frames, targets)
        learner = training.learner.apply_gradients(grads=gradients)
        average = optax.incremental_update(learner.params, training.average, AVERAGE_TAU)
        return self.collect(
            training._replace(
                learner=learner,
                average=average,
                step_reward=step_reward,
                step_ends=step_ends,
                key=key,
            )
        )

    def start(self, key, num_users):
        params_key, sessions_key, key = jax.random.split(key, 3)
        params = self.network.init(
            params_key, jnp.zeros([3 * NUM_TOPICS]), jnp.zeros([1, NUM_TOPICS])
        )
        sessions = self.reset_all(sessions_key, num_users)
        frame = jax.eval_shape(self.step_all, key, params, sessions, EPSILON)[1]
        replay = jax.tree.map(
            lambda leaf: jnp.zeros([num_users, REPLAY_LENGTH, *leaf.shape[1:]], leaf.dtype), frame
        )
        learner = TrainState.create(apply_fn=self.network.apply, params=params, tx=self.optimizer())
        zero = jnp.zeros([])
        return Training(
            learner, jax.tree.map(jnp.copy, params), zero, zero, sessions, replay, jnp.zeros([], jnp.int32), key
        )

    def evaluate(self, params, key, num_sessions):
        reset_key, key = jax.random.split(key)

        def body(carry):
            sessions, total, over, step = carry
            sessions, frame = self.step_all(jax.random.fold_in(key, step), params, sessions, 0.0)
            total += jnp.where(over, 0.0, frame.reward)
            return sessions, total, over | frame.done, step + 1

        sessions = self.reset_all(reset_key, num_sessions)
        carry = sessions, jnp.zeros([num_sessions]), jnp.zeros([num_sessions], bool), 0
        return jnp.mean(
            jax.lax.while_loop(lambda c: ~jnp.all(c[2]) & (c[3] < MAX_STEPS), body, carry)[1]
        )


class DrawnInterestEvolution(TunedInterestEvolution):
    """The environment whose keys are numbers that are drawn already."""

    def split(self, key):
        return key

    def uniform(self, key, shape=()):
        return key

    def draw_quality(self, key):
        return key

    def draw_direction(self, key, probability):
        return key < probability


class TunedSlateQ(SlateQ):
    environment = DrawnInterestEvolution(SLATE_SIZE, NUM_CANDIDATES)

    def optimizer(self):
        return optax.flatten(super().optimizer())

    def step_all(self, key, params, sessions, epsilon):
        block_key, reset_key = jax.random.split(key)
        num_users = sessions.user.budget.shape[0]
        numbers = jax.random.uniform(block_key, [(4 + NUM_CANDIDATES + SLATE_SIZE) * num_users])
        quality, choice, direction, explore, *others = numbers.reshape(-1, num_users)
        quality = jnp.sqrt(2) * jax.lax.erf_inv(2 * quality - (1 - 2.0**-24))
        topics, ranks = jnp.stack(others[:NUM_CANDIDATES], 1), jnp.stack(others[NUM_CANDIDATES:], 1)
        keys = Keys(quality, choice, direction, topics)
        slates = self.best_slates(params, sessions)
        slates = jnp.where(explore[:, None] < epsilon, jax.vmap(self.environment.draw_slate)(ranks), slates)
        after, reward, done, choice = jax.vmap(self.transition)(keys, sessions, slates)
        frame = jax.vmap(self.frame)(sessions, slates, choice, reward, done)
        new = jnp.where(done[:, None], 0.0, 1.0)
        interests = jax.lax.cond(
            jnp.any(done),
            lambda: jnp.where(done[:, None], jax.random.uniform(reset_key, [num_users, NUM_TOPICS], minval=-1.0), after.user.interests),
            lambda: after.user.interests,
        )
        user = after.user._replace(interests=interests, budget=jnp.where(done, evolution.TIME_BUDGET, after.user.budget))
        return Session(user, new * after.impressions, new * after.clicks), frame

    def reset(self, key):
        return Session(InterestEvolution.reset(SlateQ.environment, key), jnp.zeros([NUM_TOPICS]), jnp.zeros([NUM_TOPICS]))

    def best_slates(self, params, sessions):
        observation = jax.vmap(self.observe)(sessions)
        values = self.network.apply(params, observation, jnp.eye(NUM_TOPICS))
        topics = sessions.user.topics
        log_worth = values.log_worth
        over = (values.reward_over[topics] - jnp.exp(log_worth)[:, None] * values.cost_over[topics]).T
        weights = (jnp.take_along_axis(sessions.user.interests, topics, axis=1) - evolution.MIN_NORMALIZER).T
        positions = jnp.arange(NUM_CANDIDATES)[:, None]

        def improve(guess):
            scores = weights * (over - guess)
            slate, gained, total = [], 0.0, NO_CLICK
            for _ in range(SLATE_SIZE):
                best = jnp.max(scores, axis=0)
                first = jnp.min(jnp.where(scores == best, positions, NUM_CANDIDATES), axis=0)
                chosen = positions == first
                shown = jnp.where(chosen, weights, 0.0)
                gained += jnp.sum(shown * over, 0)
                total += jnp.sum(shown, 0)
                scores = jnp.where(chosen, -jnp.inf, scores)
                slate.append(first)
            return jnp.stack(slate), gained / total

        start = improve(jnp.zeros(weights.shape[1]))
        return jax.lax.fori_loop(1, ROUNDS, lambda _, best: improve(best[1]), start)[0].T

    def frame(self, session, slate, choice, reward, done):
        return Frame(self.observe(session), session.user.topics[slate].astype(jnp.int8), (), choice.astype(jnp.int8), reward, done)

    def shown_values(self, params, frames):
        topics = frames.documents.astype(jnp.int32)
        values = self.network.apply(params, frames.observation, jnp.eye(NUM_TOPICS))
        weights = jnp.take_along_axis(frames.observation, topics, axis=1) - evolution.MIN_NORMALIZER
        return values._replace(reward_over=values.reward_over[topics], cost_over=values.cost_over[topics]), weights

    def sums(self, rewards, factors):
        span = 1
        while span < NUM_STEPS:
            rewards = rewards + factors * jnp.pad(rewards[..., span:], ((0, 0), (0, 0), (0, span)))
            factors = factors * jnp.pad(factors[:, span:], ((0, 0), (0, span)))
            span *= 2
        return rewards

ROUNDS = 4
STYLES = {"idiomatic": SlateQ, "tuned": TunedSlateQ}


def repeated(function):
    """Compiled: (training, number) -> training."""

    @functools.partial(jax.jit, donate_argnums=0)
    def repeat(training, number):
        return jax.lax.fori_loop(0, number, lambda _, training: function(training), training)

    return repeat


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--style", choices=list(STYLES), default="idiomatic")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--users", type=int, default=2048)
    parser.add_argument("--batch", type=int, default=60)
    parser.add_argument("--iterations", type=int, default=1000)
    parser.add_argument("--chunk", type=int, default=25)
    parser.add_argument("--to_return", type=float, default=270.0)
    parser.add_argument("--curve_sessions", type=int, default=2000)
    parser.add_argument("--sessions", type=int, default=5000)
    parser.add_argument("--no-evaluate", dest="evaluates", action="store_false")
    arguments = parser.parse_args()
    agent = STYLES[arguments.style]()
    key = jax.random.key(arguments.seed)
    training = None
    collect = repeated(agent.collect)
    iterate = repeated(functools.partial(agent.iterate, arguments.batch))
    evaluated = jax.jit(agent.evaluate, static_argnums=2)

    def advance(number):
        nonlocal training
        if training is None:
            training = collect(jax.jit(agent.start, static_argnums=1)(key, arguments.users), WARM_UP + 1)
        training = jax.block_until_ready(iterate(training, number))

    def evaluate(num_sessions):
        return float(evaluated(training.average, jax.random.key(arguments.seed + 1), num_sessions))

    result = learning_clock.measure(
        advance,
        evaluate if arguments.evaluates else None,
        arguments.users,
        arguments.iterations,
        arguments.chunk,
        arguments.to_return,
        (arguments.curve_sessions, arguments.sessions),
    )
    versions = {each.__name__: each.__version__ for each in (jax, flax, optax)}
    versions["python"] = platform.python_version()
    print(json.dumps({"style": arguments.style, "seed": arguments.seed, **result, "versions": versions}))


if __name__ == "__main__":
    main()
