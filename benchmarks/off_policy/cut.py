# SPDX-License-Identifier: Apache-2.0
"""Logs as companies have them: sessions that were cut, candidates of a query, users who come again.

NumPy makes the logs, as tables. Shoppers of two kinds, which the log tells, meet pages of ten
articles and are shown two of them. In `cut` the ten are any of forty. In `candidates` they are the
results of a query, ten articles of one topic of a hundred, some topics being asked for more often.
A log is cut after 3 to 10 pages, while nobody has left. The model is the right one, but for its
candidates: it draws ten of all articles. So what it says of the old policy and of the gain is right
only where it is simulated with the log's own lengths, and in `candidates` with its own candidates.

In `users` 200 users come ten times each, and like things more or less. The coverage is that of the
interval of `snips`.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import tensorflow as tf
from sections import Section, Settings, section
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf import choice, logs, ope
from recsim_tf.core.distributions import candidate_ids
from recsim_tf.policies import PlackettLucePolicy

_NUM_CANDIDATES, _SLATE_SIZE, _STEPS = 10, 2, (3, 10)
_SHARPNESS = {"old": 0.5, "new": 1.5}
_LEVEL, _QUALITY, _KIND = -1.5, 0.6, 0.5
_NUM_USERS, _NUM_VISITS, _SPREAD = 200, 10, 1.2


class World(NamedTuple):
    """The articles, and how the candidates of a page come."""

    quality: np.ndarray  # float32 [D]
    topic: np.ndarray  # int [D]
    liked: np.ndarray  # float32 [D], by the first kind of user; the other one dislikes it as much
    popularity: np.ndarray | None  # float [topics], of queries; None for any articles

    @classmethod
    def of(cls, num_topics: int, has_queries: bool) -> "World":
        """A world with ten articles a topic. Topics that are often asked for are better."""
        generator = np.random.default_rng(1)
        topic = np.repeat(np.arange(num_topics), _NUM_CANDIDATES)
        popularity = 1 / np.arange(1.0, num_topics + 1)
        quality = generator.normal(size=len(topic))
        if has_queries:
            quality += np.log(popularity * num_topics)[topic] / 2
        liked = generator.normal(size=num_topics)[topic]
        return cls(
            quality.astype(np.float32),
            topic,
            liked.astype(np.float32),
            popularity / popularity.sum() if has_queries else None,
        )

    def candidates(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """int [..., N], in the order of their numbers."""
        if self.popularity is None:
            keys = generator.random([*shape, len(self.topic)])
            chosen = np.argpartition(keys, _NUM_CANDIDATES, axis=-1)[..., :_NUM_CANDIDATES]
            return np.sort(chosen, axis=-1)
        query = generator.choice(len(self.popularity), shape, p=self.popularity)
        return query[..., np.newaxis] * _NUM_CANDIDATES + np.arange(_NUM_CANDIDATES)


def _slates(generator: np.random.Generator, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slates of Plackett-Luce, int [..., K], and their probabilities [...]."""
    keys = logits + generator.gumbel(size=logits.shape)
    slate = np.argsort(-keys, axis=-1)[..., :_SLATE_SIZE]
    return slate, _probability(logits, slate)


def _probability(logits: np.ndarray, slate: np.ndarray) -> np.ndarray:
    masses, probability = np.exp(logits), np.ones(logits.shape[:-1])
    for position in range(_SLATE_SIZE):
        chosen = slate[..., position : position + 1]
        probability *= np.take_along_axis(masses, chosen, -1)[..., 0] / masses.sum(-1)
        np.put_along_axis(masses, chosen, 0, axis=-1)
    return probability


def _sessions(
    world: World, generator: np.random.Generator, number: int, policy: str
) -> dict[str, np.ndarray]:
    """Sessions under a policy, arrays [S, T, ...]."""
    length = generator.integers(_STEPS[0], _STEPS[1] + 1, number)
    kind = generator.integers(0, 2, number)
    candidates = world.candidates(generator, (number, _STEPS[1]))
    slate, _ = _slates(generator, _SHARPNESS[policy] * world.quality[candidates])
    documents = np.take_along_axis(candidates, slate, axis=-1)
    sign = (1 - 2 * kind)[:, np.newaxis, np.newaxis]
    logits = _LEVEL + _QUALITY * world.quality[documents] + _KIND * sign * world.liked[documents]
    clicked = generator.random(documents.shape) < 1 / (1 + np.exp(-logits))
    return {
        "length": length,
        "kind": kind,
        "candidates": candidates,
        "documents": documents,
        "clicked": clicked,
    }


def _earned(sessions: dict[str, np.ndarray]) -> np.ndarray:
    """Clicks [S]."""
    active = np.arange(_STEPS[1]) < sessions["length"][:, np.newaxis]
    return (sessions["clicked"].sum(axis=2) * active).sum(axis=1)


def _log(world: World, sessions: dict[str, np.ndarray]) -> logs.Log:
    """The log of the tables of impressions and of candidates."""
    active = np.arange(_STEPS[1]) < sessions["length"][:, np.newaxis]
    session, step, position = np.nonzero(np.repeat(active[..., None], _SLATE_SIZE, axis=2))
    impressions = {
        "session": session,
        "step": step,
        "position": position,
        "document": _ids(sessions["documents"][session, step, position]),
        "clicked": 1 * sessions["clicked"][session, step, position],
        "kind": sessions["kind"][session],
    }
    offered = None
    if world.popularity is not None:
        session, step, place = np.nonzero(np.repeat(active[..., None], _NUM_CANDIDATES, axis=2))
        document = sessions["candidates"][session, step, place]
        offered = pd.DataFrame(
            {
                "session": session,
                "step": step,
                "document": _ids(document),
                "quality": world.quality[document],
            }
        )
    return logs.from_table(
        pd.DataFrame(impressions),
        user_columns={"kind": "kind"},
        candidates=offered,
        document_ids=_ids(np.arange(len(world.topic))),
        departed=False,
        multiple_clicks=True,
    )


def _ids(numbers: np.ndarray) -> np.ndarray:
    return np.char.zfill(numbers.astype(str), 4)


# The model.


class Shopper(NamedTuple):
    """The draws and the state of users."""

    kind: Any  # float32 [B], 0 or 1


class Shoppers(recsim_tf.UserModel):
    """The right model of what users do."""

    def initial_draws(self, num_users):
        kind = tfd.Bernoulli(probs=tf.fill([num_users], 0.5), dtype=tf.float32)
        return tfd.JointDistributionNamed(Shopper(kind))

    def response(self, state, slate):
        quality, liked = tf.unstack(slate.documents, axis=2)
        sign = (1 - 2 * state.kind)[:, tf.newaxis]
        scores = _LEVEL + _QUALITY * quality + _KIND * sign * liked
        return choice.IndependentClicks()(scores, slate.mask)

    def outcome(self, state, slate, draw):
        return recsim_tf.core.base.types.Clicks(tf.cast(draw, tf.float32))

    def observe(self, state):
        return state.kind


class Articles(recsim_tf.DocumentModel):
    """Articles of a catalogue, each of which is equally likely to be a candidate."""

    quality: tuple = ()
    liked: tuple = ()

    def candidates(self, num_users, num_candidates, corpus, user):
        return candidate_ids(len(self.quality), num_users, num_candidates, replacement=False)

    def show(self, documents, hidden):
        table = tf.stack([self.quality, self.liked], axis=1)
        return tf.gather(table, documents)

    def observe(self, documents):
        return tf.gather(tf.constant(self.quality), documents)[..., tf.newaxis]


def _policy(name: str) -> PlackettLucePolicy:
    def logits(observation):
        return _SHARPNESS[name] * observation.documents[..., 0]

    return PlackettLucePolicy.of_logits(logits, _SLATE_SIZE)


# The study.


def measure(settings: Settings) -> Section:
    num_logs, size = (2, 60) if settings.quick else (100, 1000)
    worlds = {"cut": World.of(4, False), "candidates": World.of(100, True)}
    figures, rows = {}, [("log", "log's mean", "model's error", "largest", "gain", "covered")]
    for name, world in worlds.items():
        study = _judged(world, num_logs, size, settings)
        prefix = {"cut": "", "candidates": "candidates_"}[name]
        figures[f"cut.{prefix or 'model_'}error"] = study["error"]
        figures[f"cut.{prefix or 'gain_'}coverage"] = study["coverage"]
        rows.append(
            (
                {"cut": "sessions of 3 to 10 steps", "candidates": "and ten results of a query"}[
                    name
                ],
                f"{study['logged']:.3f}",
                f"{study['error']:.2%}",
                f"{study['largest']:.2%}",
                f"{study['gain']:.3f}",
                f"{study['coverage']:.2f}",
            )
        )
    figures["users.coverage"] = _coverage_of_users(8 if settings.quick else 400, settings.seed)
    rows.append(
        ("200 users of 10 visits, snips", "", "", "", "", f"{figures['users.coverage']:.3f}")
    )
    bars = {
        "cut.model_error": (0.0, 0.02),
        "cut.gain_coverage": (0.92, 1.0),
        "cut.candidates_error": (0.0, 0.02),
        "cut.candidates_coverage": (0.92, 1.0),
        "users.coverage": (0.93, 1.0),
    }
    notes = [f"{num_logs} logs of {size:,} sessions; a model's error is the mean of its sizes."]
    return section(settings, "Sessions as they were logged", rows, figures, bars, notes)


def _judged(world: World, num_logs: int, size: int, settings: Settings) -> dict[str, float]:
    """The error of the model beside each log, and the coverage of the interval of the gain."""
    many = 2_000 if settings.quick else 400_000
    generator = np.random.default_rng(settings.seed)
    mean = {
        policy: np.concatenate(
            [_earned(_sessions(world, generator, many // 10, policy)) for _ in range(10)]
        ).mean()
        for policy in _SHARPNESS
    }
    gain = mean["new"] - mean["old"]
    simulator = recsim_tf.Simulator(
        Shoppers(), Articles(world.quality, world.liked), _SLATE_SIZE, _NUM_CANDIDATES
    )
    policies = {name: _policy(name) for name in _SHARPNESS}
    errors, holds = [], []
    for _ in range(num_logs):
        log = _log(world, _sessions(world, generator, size, "old"))
        results = ope.compare(
            policies,
            log,
            ("simulated", "calibrated"),
            model=simulator,
            logging=policies["old"],
            seed=settings.seed,
        )
        logged = results["old"].logged.value
        errors.append(abs(results["old"]["simulated"].value / logged - 1))
        low, high = results["new"]["calibrated"].gain.interval
        holds.append(low <= gain <= high)
    return {
        "error": float(np.mean(errors)),
        "largest": float(np.max(errors)),
        "coverage": float(np.mean(holds)),
        "gain": float(gain),
        "logged": float(mean["old"]),
    }


def _coverage_of_users(num_logs: int, seed: int) -> float:
    """The coverage of the interval of `snips`, where visits have one page."""
    world, generator = World.of(4, False), np.random.default_rng(seed)

    def visits(policy: str, num_users: int) -> dict[str, np.ndarray]:
        user = np.repeat(np.arange(num_users), _NUM_VISITS)
        taste = _SPREAD * generator.normal(size=num_users)[user]
        candidates = world.candidates(generator, (len(user),))
        quality = world.quality[candidates]
        slate, probability = _slates(generator, _SHARPNESS[policy] * quality)
        scores = _LEVEL + taste[:, np.newaxis] + _QUALITY * np.take_along_axis(quality, slate, 1)
        return {
            "user": user,
            "document": np.take_along_axis(candidates, slate, axis=1),
            "clicked": generator.random(slate.shape) < 1 / (1 + np.exp(-scores)),
            "propensity": probability,
            "target": _probability(_SHARPNESS["new"] * quality, slate),
        }

    value = visits("new", 40_000)["clicked"].sum(axis=1).mean()
    holds = []
    for _ in range(num_logs):
        made = visits("old", _NUM_USERS)
        columns = {
            "session": np.arange(len(made["user"])),
            "user": made["user"],
            "propensity": made["propensity"],
            "target_propensity": made["target"],
        }
        table = {name: np.repeat(column, _SLATE_SIZE) for name, column in columns.items()}
        table |= {"position": np.tile(np.arange(_SLATE_SIZE), len(made["user"]))}
        table |= {
            "document": _ids(made["document"]).ravel(),
            "clicked": 1 * made["clicked"].ravel(),
        }
        log = logs.from_table(pd.DataFrame(table), multiple_clicks=True)
        low, high = ope.evaluate(None, log, ("snips",))["snips"].interval
        holds.append(low <= value <= high)
    return float(np.mean(holds))
