# SPDX-License-Identifier: Apache-2.0
"""A small log of clicks in NumPy, whose propensities are right, and parts to break it with."""

import itertools

import numpy as np

from recsim_tf.logs import Labels, Log, SlateLogProbs

NUM_KINDS, NUM_DOCUMENTS, SLATE_SIZE = 4, 5, 2
SLATES = np.array(list(itertools.permutations(range(NUM_DOCUMENTS), SLATE_SIZE)))
NANOSECONDS = 86_400 * 10**9  # a day


def policy(seed: int = 0) -> np.ndarray:
    """The probabilities of the slates for each kind of users, by Plackett and Luce."""
    scores = np.exp(np.random.default_rng(seed).normal(size=[NUM_KINDS, NUM_DOCUMENTS]))
    first, second = scores[:, SLATES[:, 0]], scores[:, SLATES[:, 1]]
    total = scores.sum(axis=1, keepdims=True)
    return first / total * second / (total - first)


def log_of(
    num_sessions: int = 1000,
    num_steps: int = 1,
    seed: int = 0,
    probabilities: np.ndarray | None = None,
    level: np.ndarray | float = 0.3,
    taste_seed: int = 1,
) -> Log:
    """Sessions of users of several kinds over ten days.

    Args:
      num_sessions, num_steps, seed: the sizes of the log, and the seed of its draws.
      probabilities: of the slates by kind; by default those of `policy`.
      level: a factor of the click rates of the sessions, a number or [S].
      taste_seed: the seed of the tastes of the kinds.
    """
    rng = np.random.default_rng(seed)
    tastes = np.random.default_rng(taste_seed).uniform(size=[NUM_KINDS, NUM_DOCUMENTS])
    probabilities = policy() if probabilities is None else probabilities
    shape = num_sessions, num_steps
    kind = rng.integers(NUM_KINDS, size=num_sessions)
    ends = np.cumsum(probabilities, axis=1)[kind][:, np.newaxis]
    drawn = np.minimum((rng.random([*shape, 1]) > ends).sum(axis=2), len(SLATES) - 1)
    slate = SLATES[drawn].astype(np.int32)
    rates = np.reshape(level, [-1, 1, 1]) * tastes[kind[:, np.newaxis, np.newaxis], slate]
    clicks = (rng.random(rates.shape) < rates).astype(np.int32)
    begins = np.sort(rng.uniform(0, 10, num_sessions)) + 20_000
    times = begins[:, np.newaxis] + np.arange(num_steps) / 1000
    return Log(
        length=np.full(num_sessions, num_steps, np.int32),
        departed=np.zeros(num_sessions, bool),
        initial={"kind": kind.astype(np.int32)},
        documents=slate,
        shown=np.ones(slate.shape, bool),
        response=clicks,
        slate=slate,
        candidates=np.broadcast_to(
            np.arange(NUM_DOCUMENTS, dtype=np.int32), [*shape, NUM_DOCUMENTS]
        ).copy(),
        reward=clicks.astype(np.float32),
        propensity=SlateLogProbs(slate=np.log(probabilities[kind[:, np.newaxis], drawn])),
        labels=Labels(
            session=np.arange(num_sessions).astype(str),
            time=np.repeat((times * NANOSECONDS).astype(np.int64)[..., np.newaxis], SLATE_SIZE, 2),
            dates=True,
        ),
    ).check()
