# SPDX-License-Identifier: Apache-2.0
"""Do the words of `fitting.validate` hold where the system that logged reacts to its users?

Every live system reacts: what it shows next depends on what a user clicked before. So a log's
slates tell of hidden users, and of their responses. Listeners have a hidden kind, the genre that
they like, and a hidden appetite. A survey that some of them answered tells of the kind. Four
systems log: one shows again what was clicked, one shows anything else, one falls back on a genre
after two steps without a click, and one adds up all clicks of a session. The log has no initial
draws, or the answers of some sessions.

- False alarms: the simulator that made the log. A word is lost where an answer is "with care" or
  "not believable".
- Power: simulators with a fault, under the same systems. A fault is found where a question loses
  its word.
"""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from sections import Section, Settings, kept, section
from tensorflow_probability import distributions as tfd

import recsim_tf
from recsim_tf import choice, fitting, logs
from recsim_tf.fitting.validation import QUESTIONS
from recsim_tf.policies import PlackettLucePolicy
from recsim_tf.support.verdicts import NOT_BELIEVABLE, WITH_CARE

_LOST = (WITH_CARE, NOT_BELIEVABLE)
_FALSE_ALARM, _POWER = 0.05, 0.8
_NUM_GENRES, _SLATE_SIZE, _NUM_CANDIDATES, _NUM_STEPS = 4, 2, 8, 10
_ASKED = ("predicts", "reproduces", "classifier")


class Draws(NamedTuple):
    """The draws of a listener, [B] each."""

    kind: Any  # the genre that is liked
    appetite: Any
    survey: Any  # the genre that the listener names


class State(NamedTuple):
    """The state of a listener, [B] each but for the clicks."""

    draws: Draws
    last: Any  # the genre clicked last, -1 for none
    run: Any  # steps without a click since the last one
    clicks: Any  # of each genre, [B, G]


class Listeners(recsim_tf.UserModel):
    """Users of a hidden kind and appetite, who tire of steps without a click."""

    level: Any = recsim_tf.parameter(-1.6)
    strength: Any = recsim_tf.parameter(1.8)  # of the genre that is liked
    spread: Any = recsim_tf.parameter(0.7, low=0)  # of appetites
    honesty: Any = recsim_tf.parameter(0.8, low=0, high=1)  # of the survey
    leaving: Any = recsim_tf.parameter(-3.0)  # logit of a departure
    impatience: Any = recsim_tf.parameter(0.4)  # for each step without a click

    def initial_draws(self, num_users):
        even = tf.fill([num_users, _NUM_GENRES], 1 / _NUM_GENRES)

        def survey(kind):
            honest = self.per_user("honesty", 2)
            probs = (1 - honest) / (_NUM_GENRES - 1) + tf.zeros_like(even)
            return tfd.Categorical(probs=tf.where(_is(kind), honest, probs))

        normal = tfd.Normal(tf.zeros([num_users]), 1.0)
        return tfd.JointDistributionNamed(Draws(tfd.Categorical(probs=even), normal, survey))

    def initial_state(self, draws):
        none = tf.zeros_like(draws.appetite)
        return State(draws, tf.cast(none, tf.int32) - 1, none, 0 * _is(draws.kind, tf.float32))

    def response(self, state, slate):
        likes = tf.cast(slate.documents == state.draws.kind[:, tf.newaxis], tf.float32)
        of_user = self.per_user("level") + self.per_user("spread") * state.draws.appetite
        scores = of_user[:, tf.newaxis] + self.per_user("strength", 2) * likes
        return choice.IndependentClicks()(scores, slate.mask)

    def outcome(self, state, slate, draw):
        return recsim_tf.Clicks(tf.cast(draw, tf.float32))

    def update(self, state, slate, response, innovation):
        clicked = response.clicked > 0
        last = tf.reduce_max(tf.where(clicked, slate.documents, -1), axis=1)
        of_genre = tf.one_hot(slate.documents, _NUM_GENRES) * response.clicked[..., tf.newaxis]
        return State(
            state.draws,
            tf.where(last >= 0, last, state.last),
            tf.where(last >= 0, 0.0, state.run + 1),
            state.clicks + tf.reduce_sum(of_genre, axis=1),
        )

    def departure(self, state):
        logits = self.per_user("leaving") + self.per_user("impatience") * state.run
        return tfd.Bernoulli(logits=logits)

    def observe(self, state):
        return {"last": state.last, "run": state.run, "clicks": state.clicks}


class Songs(recsim_tf.DocumentModel):
    """Songs, which are known by their genres."""

    def candidates(self, num_users, num_candidates, corpus, user):
        even = tf.fill([num_users, num_candidates, _NUM_GENRES], 1 / _NUM_GENRES)
        return tfd.Independent(tfd.Categorical(probs=even), 1)

    def observe(self, documents):
        return documents


def _is(genre: tf.Tensor, dtype: tf.DType = tf.bool) -> tf.Tensor:
    """Tells whether each genre is this one, [B, G] for int32 [B]."""
    return tf.cast(tf.range(_NUM_GENRES) == genre[:, tf.newaxis], dtype)


def _simulator(**parameters: float) -> recsim_tf.Simulator:
    return recsim_tf.Simulator(Listeners(**parameters), Songs(), _SLATE_SIZE, _NUM_CANDIDATES)


def _last(seen: Any) -> tf.Tensor:
    return tf.cast(seen.documents == seen.user["last"][:, tf.newaxis], tf.float32)


def _falls_back(seen: Any) -> tf.Tensor:
    is_first = tf.cast(seen.documents == 0, tf.float32)
    return 2.5 * tf.where(seen.user["run"][:, tf.newaxis] < 2, _last(seen), is_first)


def _adds_up(seen: Any) -> tf.Tensor:
    return 2 * tf.math.log1p(tf.gather(seen.user["clicks"], seen.documents, batch_dims=1))


# The logits of the documents that a system shows, given what it has seen.
SYSTEMS = {
    "shows it again": lambda seen: 3 * _last(seen),
    "shows anything else": lambda seen: -3 * _last(seen),
    "falls back": _falls_back,
    "adds up clicks": _adds_up,
}
FAULTS: Mapping[str, Mapping[str, float]] = {
    "equal appetites": {"spread": 0.0, "level": -1.45},
    "weak tastes": {"strength": 1.1, "level": -1.35},
    "more clicks": {"level": -1.4},
    "patient": {"impatience": 0.0, "leaving": -2.4},
}


class Size(NamedTuple):
    """The sizes of the simulations."""

    systems: tuple[str, ...] = tuple(SYSTEMS)
    true_logs: int = 10  # of each system, and of each of the two forms of a log
    true_sessions: int = 750
    faulty_logs: int = 2  # of each fault and system
    faulty_sessions: int = 2000
    faults: Mapping[str, Mapping[str, float]] = FAULTS
    num_replicates: int = 100


_QUICK = Size(("shows it again",), 1, 80, 1, 100, {"many clicks": {"level": -0.6}}, 20)


class Reply(NamedTuple):
    """The words of the questions about a simulator, by one log."""

    title: str  # of the system and of the log or the fault
    words: Mapping[str, str]  # by question

    @property
    def is_lost(self) -> bool:
        """Tells whether any question lost its word."""
        return any(word in _LOST for word in self.words.values())


def reacting(settings: Settings) -> Section:
    """False alarms and power where systems react to users who are hidden, or known in part."""
    size = _QUICK if settings.quick else Size()
    true = [
        reply
        for number, system in enumerate(size.systems)
        for is_known in (False, True)
        for reply in _replies(
            settings,
            f"{system}, {'known in part' if is_known else 'hidden'}",
            system,
            {},
            [settings.seed, number, int(is_known)],
            (size.true_logs, size.true_sessions, size.num_replicates),
            is_known,
        )
    ]
    faulty = {
        fault: [
            reply
            for number, system in enumerate(size.systems)
            for reply in _replies(
                settings,
                f"{fault}, {system}",
                system,
                parameters,
                [settings.seed, 100 + number, 0],
                (size.faulty_logs, size.faulty_sessions, size.num_replicates),
            )
        ]
        for fault, parameters in size.faults.items()
    }
    alarms = {
        name: float(np.mean([reply.words[name] in _LOST for reply in true])) for name in _ASKED
    }
    figures = {f"validate.reacting_false_alarms.{name}": part for name, part in alarms.items()}
    figures["validate.reacting_false_alarms"] = max(alarms.values())
    powers = {
        fault: float(np.mean([reply.is_lost for reply in replies]))
        for fault, replies in faulty.items()
    }
    figures |= {f"validate.reacting_power.{fault}": power for fault, power in powers.items()}
    bars = {name: (0.0, _FALSE_ALARM) for name in figures if ".reacting_false_alarms" in name}
    bars |= {name: (_POWER, 1.0) for name in figures if ".reacting_power." in name}
    replies = [*true, *(reply for several in faulty.values() for reply in several)]
    rows = [("system and log, or fault and system", *_ASKED), *_rows(replies)]
    title = "Words of validations under systems that react: in how many logs a word is lost"
    return section(settings, title, rows, figures, bars)


def _replies(
    settings: Settings,
    title: str,
    system: str,
    fault: Mapping[str, float],
    seed: list[int],
    sizes: tuple[int, int, int],
    is_known: bool = False,
) -> list[Reply]:
    """The words about a simulator with a fault, or without one, by several logs of a system."""
    num_logs, num_sessions, num_replicates = sizes
    truth, model = _simulator(), _simulator(**fault)
    policy = PlackettLucePolicy.of_logits(SYSTEMS[system], _SLATE_SIZE)

    def words(number: int) -> dict[str, str]:
        trajectory = truth.rollout(
            policy, 2 * num_sessions, _NUM_STEPS, [seed[0] + 1000 * seed[1] + seed[2], number]
        )
        log = logs.from_trajectory(trajectory, truth, logging=policy)
        answers = np.random.default_rng([*seed, number]).random(2 * num_sessions) < 0.7
        survey = np.where(answers, log.initial.survey, -1).astype(np.int32)
        log = log._replace(initial={"survey": survey} if is_known else ())
        parts = (log.take(slice(num_sessions)), log.take(slice(num_sessions, None)))
        validation = fitting.validate(
            model,
            *parts,
            questions=[question for question in QUESTIONS if question.name in _ASKED],
            num_replicates=num_replicates,
        )
        return {name: validation[name].verdict.word for name in _ASKED}

    return [
        Reply(title, kept(settings, f"{title}, log {number}", functools.partial(words, number)))
        for number in range(num_logs)
    ]


def _rows(replies: list[Reply]) -> list[tuple[str, ...]]:
    """Rows by title: in how many logs each question lost its word."""
    rows = []
    for title in dict.fromkeys(reply.title for reply in replies):
        alike = [reply.words for reply in replies if reply.title == title]
        counts = (sum(words[name] in _LOST for words in alike) for name in _ASKED)
        rows.append((title, *(f"{count} of {len(alike)}" for count in counts)))
    return rows
