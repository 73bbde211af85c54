# SPDX-License-Identifier: Apache-2.0
"""Watchers of items, for `verdicts_of_validation.py`: true worlds of five kinds, and faults.

A fault is a world and a simulator that lacks one thing of it. The simulator's level of clicks, and
its rate of departures where departures are what it lacks, are those with which it meets the world's
means, so that these do not give it away.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf import choice
from recsim_tf.core.distributions import uniform_ids
from recsim_tf.core.runs.execution import compiled
from recsim_tf.logs import Log, simulated_log

NUM_STEPS = 12
DECAY = 0.6  # of the memory of clicks, a step
_NUM_ITEMS, _NUM_CANDIDATES = 40, 6
_LATENT = ("initial",)


class Draws(NamedTuple):
    """The draws of a user, [B] each, which no log has."""

    appetite: Any
    second: Any  # whether the user is of the second class, 0 or 1


class State(NamedTuple):
    """The state of a user, [B] each."""

    draws: Draws
    memory: Any  # of clicks
    run: Any  # steps without a click since the last one
    step: Any


class Item(NamedTuple):
    """An item as users meet it, [B, K] each."""

    item: Any  # an id
    hour: Any  # at which it appeared, told when it is shown


class Watchers(recsim_tf.UserModel):
    """Users who click on any items of a slate; logits are sums of effects."""

    level: Any = recsim_tf.parameter(-1.2)
    item: Any = recsim_tf.parameter((0.0,) * _NUM_ITEMS, rank=1)
    spread: Any = recsim_tf.parameter(0.0, low=0)  # of appetites
    second: Any = recsim_tf.parameter(0.0)  # of the second class
    share: Any = recsim_tf.parameter(0.25, low=0, high=1)  # of that class
    gain: Any = recsim_tf.parameter(0.0)  # of the memory of clicks
    learning: Any = recsim_tf.parameter(0.0)  # a step
    hour: Any = recsim_tf.parameter(0.0)  # of the sine of the hour
    position: Any = recsim_tf.parameter(0.0)  # of each position from the top
    leaving: Any = recsim_tf.parameter(-2.4)  # logit of a departure
    impatience: Any = recsim_tf.parameter(0.0)  # of a departure, for each step of a run
    click_model: Any = choice.IndependentClicks()

    def initial_draws(self, num_users):
        appetite = tfd.Normal(tf.zeros([num_users], self.dtype), tf.ones([], self.dtype))
        share = tf.broadcast_to(self.per_user("share"), [num_users])
        return tfd.JointDistributionNamed(Draws(appetite, tfd.Bernoulli(probs=share)))

    def initial_state(self, draws):
        none = tf.zeros_like(draws.appetite)
        return State(draws, none, none, none)

    def response(self, state, slate):
        second = tf.cast(state.draws.second, self.dtype)
        of_user = self.per_user("spread") * state.draws.appetite
        of_user += self.per_user("second") * second + self.per_user("gain") * state.memory
        of_user += self.per_user("learning") * state.step
        scores = self.per_user("level", 2) + of_user[:, tf.newaxis]
        scores += self.entries("item", slate.documents.item, [_NUM_ITEMS])
        scores += self.per_user("hour", 2) * tf.sin(slate.documents.hour * (2 * np.pi / 24))
        positions = tf.range(slate.mask.shape[1], dtype=self.dtype)
        scores += self.per_user("position", 2) * positions
        return self.click_model(scores, slate.mask)

    def outcome(self, state, slate, draw):
        return recsim_tf.Clicks(tf.cast(draw, self.dtype))

    def update(self, state, slate, response, innovation):
        clicks = tf.reduce_sum(response.clicked, axis=1)
        run = tf.where(clicks > 0, 0.0, state.run + 1)
        return state._replace(memory=DECAY * state.memory + clicks, run=run, step=state.step + 1)

    def departure(self, state):
        logits = self.per_user("leaving") + self.per_user("impatience") * state.run
        return tfd.Bernoulli(logits=logits)

    def observe(self, state):
        return state.memory[:, tf.newaxis][:, :0]


class Items(recsim_tf.DocumentModel):
    """Items of a catalogue, each with an hour that is told when it is shown."""

    def candidates(self, num_users, num_candidates, corpus, user):
        return uniform_ids(_NUM_ITEMS, num_users, num_candidates, self.dtype)

    def reveal(self, documents):
        hours = tfd.Uniform(tf.zeros(documents.shape, self.dtype), 24.0)
        return tfd.Independent(hours, documents.shape.rank - 1)

    def show(self, documents, hidden):
        return Item(documents, hidden)

    def observe(self, documents):
        return documents


class World(NamedTuple):
    """A true world."""

    parameters: Mapping[str, float]
    slate_size: int = 2
    click_model: Any = choice.IndependentClicks()

    def simulator(self, seed: int) -> recsim_tf.Simulator:
        """The true simulator; the appeal of items is that of the seed."""
        item = np.random.default_rng(seed).normal(0, 0.7, _NUM_ITEMS)
        users = Watchers(item=tuple(item), click_model=self.click_model, **self.parameters)
        return recsim_tf.Simulator(users, Items(), self.slate_size, _NUM_CANDIDATES)


# The probability that a position is looked at, by the last click above, see `choice.UserBrowsing`.
_EXAMINED = (
    (0.95, 0.0, 0.0, 0.0),
    (0.70, 0.90, 0.0, 0.0),
    (0.50, 0.60, 0.85, 0.0),
    (0.35, 0.40, 0.60, 0.80),
)
WORLDS = {
    "appetites": World({"spread": 0.9}),
    "memory": World({"gain": 0.8, "level": -1.5}),
    "hours": World({"spread": 0.5, "hour": 0.8}),
    "two classes": World({"second": 1.5, "level": -1.6}),
    "pages": World({"spread": 0.5, "level": -0.5}, 4, choice.UserBrowsing(_EXAMINED)),
}


class Fault(NamedTuple):
    """A world, and what is wrong in the simulator."""

    world: World
    values: Mapping[str, float]  # of the simulator's users, where they are not those of the world
    found_by: tuple[str, ...]  # the questions of which one should find it
    turns: bool = False  # whether the appeal of items turns round in late days
    permuted: bool = False  # whether the simulator mistakes items for others
    excess: float = 1.0  # clicks of the simulator, as a multiple of those of the world


FAULTS = {
    "no position effect": Fault(
        World({"spread": 0.5, "position": -0.4, "level": -0.7}, 4),
        {"position": 0.0},
        ("predicts", "reproduces"),
    ),
    "no second class": Fault(WORLDS["two classes"], {"second": 0.0}, ("predicts", "classifier")),
    "users who learn": Fault(
        World({"spread": 0.5, "learning": 0.1, "level": -1.6}), {"learning": 0.0}, ("reproduces",)
    ),
    "constant departures": Fault(
        World({"spread": 0.5, "leaving": -3.2, "impatience": 0.4}),
        {"impatience": 0.0},
        ("reproduces",),
    ),
    "appeal turns round": Fault(World({"spread": 0.5}), {}, ("generalises",), turns=True),
    "no users": Fault(WORLDS["appetites"], {"spread": 0.0}, ("predicts", "classifier")),
    "no context": Fault(WORLDS["hours"], {"hour": 0.0}, ("predicts",)),
    "no memory": Fault(WORLDS["memory"], {"gain": 0.0}, ("reproduces",)),
    "10 % more clicks": Fault(WORLDS["appetites"], {}, ("reproduces",), excess=1.1),
    "items permuted": Fault(WORLDS["appetites"], {}, ("predicts",), permuted=True),
    # The logit of half the probability of a departure.
    "departures halved": Fault(WORLDS["appetites"], {"leaving": -3.14}, ("reproduces",)),
}


def logs_of(
    simulator: recsim_tf.Simulator, num_logs: int, num_sessions: int, seed: Sequence[int]
) -> list[Log]:
    """Logs under uniformly random slates, without what users drew."""
    whole = simulated_log(simulator, num_logs * num_sessions, NUM_STEPS, seed, latent=_LATENT)
    starts = range(0, num_logs * num_sessions, num_sessions)
    return [whole.take(slice(start, start + num_sessions)) for start in starts]


def faulty(fault: Fault, truth: recsim_tf.Simulator, num_sessions: int) -> recsim_tf.Simulator:
    """The simulator with the fault, which meets the world's mean clicks, but for its excess."""
    if fault.turns:
        return truth
    clicks, departures = _means(truth, num_sessions)(truth.parameters()["users.level"])
    model = truth.with_parameters({f"users.{name}": each for name, each in fault.values.items()})
    if "impatience" in fault.values:
        logit = float(np.log(departures / (1 - departures)))
        model = model.with_parameters({"users.leaving": logit})
    if fault.permuted:
        item = np.roll(truth.parameters()["users.item"], 7)
        model = model.with_parameters({"users.item": item})
    return at_the_level(model, fault.excess * clicks, num_sessions)


def turned_round(truth: recsim_tf.Simulator, num_sessions: int) -> recsim_tf.Simulator:
    """The world of late days: items that were liked are disliked, as many clicks as before."""
    clicks, _ = _means(truth, num_sessions)(truth.parameters()["users.level"])
    item = -np.asarray(truth.parameters()["users.item"])
    return at_the_level(truth.with_parameters({"users.item": item}), float(clicks), num_sessions)


def at_the_level(
    model: recsim_tf.Simulator, clicks: float, num_sessions: int
) -> recsim_tf.Simulator:
    """The simulator with the level at which so many documents are clicked, by bisection."""
    means = _means(model, num_sessions)
    low, high = -6.0, 4.0
    for _ in range(16):
        middle = (low + high) / 2
        low, high = (middle, high) if means(middle)[0] < clicks else (low, middle)
    return model.with_parameters({"users.level": (low + high) / 2})


def _means(simulator: recsim_tf.Simulator, num_sessions: int) -> Any:
    """A function of the level of clicks that gives the share of documents shown that are clicked,
    and of steps after which users leave, in simulated sessions.
    """
    policy = recsim_tf.policies.random_policy(simulator)

    @compiled
    def means(level: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        model = simulator.with_parameters({"users.level": level})
        steps = model.rollout(policy, num_sessions, NUM_STEPS, 5).transitions
        active = tf.cast(steps.active, tf.float32)
        number = tf.reduce_sum(active)
        clicks = tf.reduce_sum(active * tf.reduce_mean(steps.response.clicked, axis=2))
        left = tf.reduce_sum(tf.cast(steps.terminated & steps.active, tf.float32))
        return clicks / number, left / number

    return functools.partial(_at, means)


def _at(means: Any, level: float) -> tuple[float, float]:
    clicks, departures = means(tf.constant(level, tf.float32))
    return float(clicks), float(departures)


def fitted_memory(
    log: Log, truth: recsim_tf.Simulator, with_memory: bool = True
) -> recsim_tf.Simulator:
    """The simulator of the world with a memory, whose level and gain are the most likely ones for a
    log: a logistic regression by Newton's method, since nothing is hidden there.
    """
    clicked, counted = np.asarray(log.response, np.float64), log.shown & log.active[..., np.newaxis]
    memory = np.zeros(log.active.shape)
    for step in range(1, log.max_length):
        memory[:, step] = DECAY * memory[:, step - 1] + clicked[:, step - 1].sum(axis=1)
    item = np.asarray(truth.parameters()["users.item"])[log.documents][counted]
    of_event = np.broadcast_to(memory[..., np.newaxis], counted.shape)[counted]
    columns = np.stack([np.ones_like(of_event), of_event], axis=1)[:, : 1 + with_memory]
    weights = np.zeros(columns.shape[1])
    for _ in range(20):
        probs = 1 / (1 + np.exp(-(columns @ weights + item)))
        curvature = (columns * (probs * (1 - probs))[:, np.newaxis]).T @ columns
        weights += np.linalg.solve(curvature, columns.T @ (clicked[counted] - probs))
    gain = weights[1] if with_memory else 0.0
    return truth.with_parameters({"users.level": weights[0], "users.gain": gain})
