# SPDX-License-Identifier: Apache-2.0
"""Logs of readers that NumPy writes, and simulators of them that are right or lack something.

Readers meet 4 of 30 articles at each visit, and click any of them by a hidden taste for their two
factors and by their quality. What they click they read for some minutes. After each visit some
leave for good. A simulator whose form is wrong has the parameters that fit its world best. A world
is a function of a seed and a number of sessions. It gives the simulator, the sessions that it was
fitted to, others, and the question that must find the fault.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.random import default_rng
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf import choice, fitting
from recsim_tf.environments.drifting_taste import Catalogue
from recsim_tf.logs import Labels, Log

Array = np.ndarray
_NUM_FITTED = 5_000  # sessions
NUM_ARTICLES, NUM_FACTORS, SLATE_SIZE, NUM_CANDIDATES, NUM_STEPS = 30, 2, 4, 8, 8
FACTORS = default_rng(1).normal(size=(NUM_ARTICLES, NUM_FACTORS)).astype(np.float32)
QUALITY = default_rng(2).normal(size=NUM_ARTICLES).astype(np.float32)
_LEVEL, _LEAVING, _MINUTES, _SPREAD = -1.2, 0.12, 1.0, 0.6


class Answers(NamedTuple):
    """The responses of readers to a slate, [B, K] each."""

    clicked: Any
    minutes: Any


class Readers(recsim_tf.UserModel):
    """Readers with a taste that stays as it is."""

    level: float = recsim_tf.parameter(_LEVEL)
    quality: float = recsim_tf.parameter(1.0)  # effect of an article's quality
    taste: float = recsim_tf.parameter(1.0, low=0)  # spread of tastes
    leaving: float = recsim_tf.parameter(_LEAVING, low=0, high=1)  # after each visit
    minutes: float = recsim_tf.parameter(_MINUTES)  # mean of their logarithm
    spread: float = recsim_tf.parameter(_SPREAD, above=0)  # of their logarithm

    def initial_draws(self, num_users):
        return tfd.MultivariateNormalDiag(tf.zeros([num_users, NUM_FACTORS], self.dtype))

    def response(self, state, slate):
        articles = slate.documents
        liked = tf.linalg.matvec(articles.factors, self.per_user("taste", 2) * state)
        logits = self.per_user("level", 2) + self.per_user("quality", 2) * articles.bias + liked
        clicks = choice.IndependentClicks()(logits, slate.mask)
        log_minutes = tf.broadcast_to(self.per_user("minutes", 2), tf.shape(logits))
        minutes = tfd.LogNormal(log_minutes, self.per_user("spread", 2))
        return choice.with_engagement(clicks, lambda clicked: minutes)

    def outcome(self, state, slate, draw):
        clicked = tf.cast(draw.choice, self.dtype)
        return Answers(clicked, clicked * draw.engagement)

    def departure(self, state):
        probability = tf.broadcast_to(self.per_user("leaving"), tf.shape(state)[:1])
        return tfd.Bernoulli(probs=probability)

    def observe(self, state):
        return state[:, :0]


class Validated(NamedTuple):
    """A simulator, and logs."""

    model: Any  # a simulator or a FitResult
    train: Log
    held_out: Log
    question: str  # that must lose its word


def simulator(**parameters: Any) -> recsim_tf.Simulator:
    """The simulator with some parameters of the readers, or the `popularity` or `bias` of the
    articles, [30].
    """
    names = [name for name in ("popularity", "bias") if name in parameters]
    of_articles = {name: parameters.pop(name) for name in names}
    articles = Catalogue(
        NUM_ARTICLES,
        NUM_FACTORS,
        **{"bias": QUALITY, **of_articles},
        factors=FACTORS,
        replacement=False,
        ids_only=True,
    )
    return recsim_tf.Simulator(Readers(**parameters), articles, SLATE_SIZE, NUM_CANDIDATES)


def written(
    seed: int | tuple[int, ...],
    num_sessions: int,
    turn: float = 0.0,
    at_random: float = 0.0,
    lengths: Callable | None = None,
    minutes: Callable | None = None,
) -> Log:
    """A log of the world.

    Args:
      seed, num_sessions: the seed and the size of the log.
      turn: the part of the taste that has turned round at the end of the longest session, in [0,
        2]: at 2 the taste is the opposite.
      at_random: the share of the readers who click whatever is shown.
      lengths, minutes: functions of a generator and a shape that draw lengths of sessions and
        minutes; by default those of the model.
    """
    rng = default_rng(seed)
    shape = num_sessions, NUM_STEPS, SLATE_SIZE
    candidates = rng.random((num_sessions, NUM_STEPS, NUM_ARTICLES)).argsort(axis=2)
    candidates = candidates[:, :, :NUM_CANDIDATES].astype(np.int32)
    slate = candidates[:, :, :SLATE_SIZE]
    taste = rng.normal(size=(num_sessions, NUM_FACTORS))
    course = 1 - turn * np.arange(NUM_STEPS) / (NUM_STEPS - 1)
    liked = course[:, np.newaxis] * np.einsum("stkf,sf->stk", FACTORS[slate], taste)
    rates = 1 / (1 + np.exp(-_LEVEL - QUALITY[slate] - liked))
    is_random = rng.random((num_sessions, 1, 1)) < at_random
    clicked = rng.random(shape) < np.where(is_random, rates.mean(), rates)
    if minutes is None:
        read = np.exp(_MINUTES + _SPREAD * rng.normal(size=shape))
    else:
        read = minutes(rng, shape)
    if lengths is None:
        length = np.minimum(rng.geometric(_LEAVING, num_sessions), NUM_STEPS)
        departed = rng.random(num_sessions) < np.where(length < NUM_STEPS, 1, _LEAVING)
    else:
        length, departed = lengths(rng, num_sessions), np.ones(num_sessions, bool)
    session = np.array([f"{seed} {number}" for number in range(num_sessions)])
    log = Log(
        length=length.astype(np.int32),
        departed=departed,
        documents=slate,
        shown=np.ones(shape, bool),
        response=clicked.astype(np.int32),
        engagement=(clicked * read).astype(np.float32),
        slate=slate,
        candidates=candidates,
        reward=clicked.sum(axis=2).astype(np.float32),
        labels=Labels(session=session),
    )
    return log.with_engagement().cut(length)


def _asked(model: Any, question: str, seed: int, num_sessions: int, **arguments: Any) -> Validated:
    train, held_out = (written((seed, part), num_sessions, **arguments) for part in range(2))
    return Validated(model, train, held_out, question)


def _fitted(seed: int, num_sessions: int, **arguments: Any) -> Validated:
    """The model that fits a world best, asked for sessions that look alike."""
    return _asked(_best(**arguments), "reproduces", seed, num_sessions, **arguments)


@cache
def _best(**arguments: Any) -> recsim_tf.Simulator:
    """The simulator whose parameters of readers are fitted to a large log of a world."""
    log = written((0, 2), _NUM_FITTED, **arguments)
    positive = dict.fromkeys(("taste", "spread"), "positive")
    supports = {
        "level": "real",
        "quality": "real",
        "minutes": "real",
        **positive,
        "leaving": "unit",
    }
    parameters = {
        f"users.{name}": fitting.Parameter(support=support) for name, support in supports.items()
    }
    method = fitting.Draws(
        50, points="halton", search=fitting.LBFGS(progress=False), uncertainty=None
    )
    return fitting.fit(simulator(), parameters, log, method=method).simulator


def sound(seed: int, num_sessions: int = 1_000, question: str = "reproduces") -> Validated:
    """The simulator is right."""
    return _asked(simulator(), question, seed, num_sessions)


def half_catalogue(seed: int, num_sessions: int = 1_000) -> Validated:
    """The simulator offers half of the articles."""
    popularity = np.arange(NUM_ARTICLES) % 2
    return _asked(simulator(popularity=popularity), "offers", seed, num_sessions)


def known_articles(seed: int, num_sessions: int = 1_000) -> Validated:
    """The qualities of the articles were fitted to the sessions held out too."""
    both = written((seed, 0), 2 * num_sessions)
    start = simulator(bias=np.zeros(NUM_ARTICLES, np.float32))
    parameters = {"documents.bias": fitting.Parameter(np.zeros(NUM_ARTICLES))}
    result = fitting.fit(start, parameters, both, method=fitting.Draws(50, uncertainty=None))
    parts = (both.take(slice(num_sessions)), both.take(slice(num_sessions, None)))
    return Validated(result, *parts, "predicts")


def turning_tastes(seed: int, num_sessions: int = 1_000) -> Validated:
    """Tastes turn round in the course of a session, those of each reader in another direction."""
    return _fitted(seed, num_sessions, turn=2.0)


def _even_lengths(rng: np.random.Generator, number: int) -> Array:
    """Lengths with a small spread."""
    mean = (1 - (1 - _LEAVING) ** NUM_STEPS) / _LEAVING
    return np.clip(np.round(rng.normal(mean, 1.0, number)), 1, NUM_STEPS).astype(int)


def even_lengths(seed: int, num_sessions: int = 1_000) -> Validated:
    """Lengths of sessions spread less than departures at random make them."""
    return _fitted(seed, num_sessions, lengths=_even_lengths)


def _gamma_minutes(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Minutes with the mean and the variance of the model, from a gamma distribution."""
    mean = np.exp(_MINUTES + _SPREAD**2 / 2)
    variance = mean**2 * (np.exp(_SPREAD**2) - 1)
    return rng.gamma(mean**2 / variance, variance / mean, shape)


def gamma_minutes(seed: int, num_sessions: int = 1_000) -> Validated:
    """Minutes have another shape than the model's."""
    return _fitted(seed, num_sessions, minutes=_gamma_minutes)


def clicks_at_random(seed: int, num_sessions: int = 1_000) -> Validated:
    """40 % of the readers click at random."""
    return _fitted(seed, num_sessions, at_random=0.4)


World = Callable[..., Validated]
FAULTY: dict[str, World] = {
    "V1": half_catalogue,
    "V2": known_articles,
    "V3": turning_tastes,
    "V4a": even_lengths,
    "V4b": gamma_minutes,
    "V4c": clicks_at_random,
}
RIGHT: dict[str, World] = {
    "right": sound,
    "right, offers": partial(sound, question="offers"),
}
