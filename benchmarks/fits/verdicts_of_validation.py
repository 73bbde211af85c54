# SPDX-License-Identifier: Apache-2.0
"""Do the words of `fitting.validate` hold? A true simulator should keep each word in 95 % of logs,
and a fault should be found in 80 %.

The worlds are those of `worlds_of_validation.py`.

- False alarms: simulators that made the log themselves. A word is lost where an answer is "with
  care" or "not believable"; "cannot tell" loses nothing. The other log of "does it generalise" is
  another log of the same world. Only the world with a memory has dynamics of which the order can be
  asked; its static self, and the fits to shuffled steps, are logistic regressions.
- Faults: simulators with one fault, whose level meets the mean of the world. A fault is found where
  one of the questions that should find it loses its word.
- Users who are also in training: nothing may be "believable" that needs sessions held out.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from fits import worlds_of_validation as worlds
from sections import Section, Settings, section

import recsim_tf
from recsim_tf import fitting, logs
from recsim_tf.fitting.validation import QUESTIONS, Answer, Validation
from recsim_tf.support.verdicts import BELIEVABLE, NOT_BELIEVABLE, WITH_CARE

_LOST = (WITH_CARE, NOT_BELIEVABLE)
_FALSE_ALARM, _POWER = 0.05, 0.8
_BY_NAME = {question.name: question for question in QUESTIONS}
_ASKED = tuple(name for name in _BY_NAME if name != "chosen")
_MOST_NOTES = 12
_EVENTS = 50_000  # documents shown, for which seconds are told


class Size(NamedTuple):
    """The sizes of the simulations."""

    kinds: tuple[str, ...] = tuple(worlds.WORLDS)  # of worlds
    true_logs: int = 20  # of each world
    true_sessions: int = 750  # of each of the three parts of a log
    faults: tuple[str, ...] = tuple(worlds.FAULTS)
    faulty_logs: int = 5  # of each fault
    faulty_sessions: int = 2000
    known_logs: int = 1
    level_sessions: int = 20_000  # by which the level of a faulty simulator is found
    num_replicates: int = 100


_QUICK = Size(("memory",), 1, 60, ("no users", "appeal turns round"), 1, 100, 0, 500, 20)


class Reply(NamedTuple):
    """The answer of a question about the simulator of a world, or about one with a fault."""

    world: str
    log: int
    question: str
    answer: Answer

    @property
    def is_lost(self) -> bool:
        """Whether the answer lost its word."""
        return self.answer.verdict.word in _LOST

    def __str__(self) -> str:
        return f"{self.world}, log {self.log}, {self.question}: {self.answer.verdict}"


def validate(settings: Settings) -> Section:
    """False alarms, faults, and users who are known."""
    size = _QUICK if settings.quick else Size()
    started = time.process_time()
    true, num_events = true_simulators(settings.seed, size)
    seconds = (time.process_time() - started) * _EVENTS / num_events
    faulty = faulty_simulators(settings.seed, size)
    figures = {**_figures_of_alarms(true), **_figures_of_power(faulty)}
    figures["validate.seconds"] = seconds
    bars = {name: (0.0, _FALSE_ALARM) for name in figures if ".false_alarms" in name}
    bars |= {name: (_POWER, 1.0) for name in figures if ".power." in name}
    bars |= {"validate.least_power": (_POWER, 1.0), "validate.no_users_trusted": (0.0, 1 - _POWER)}
    if not settings.quick:
        figures["validate.known_users_believed"] = known_users(settings.seed, size)
        bars["validate.known_users_believed"] = (0.0, 0.0)
    alarms, missed = [str(reply) for reply in true if reply.is_lost], _missed(faulty)
    notes = []
    for words, several in (("Words that true simulators lost:", alarms), ("Not found:", missed)):
        notes += ["", words, *several[:_MOST_NOTES]] if several else []
    title = "Words of validations: in how many logs a question's word is lost"
    rows = [("world or fault", *_ASKED), *_rows(true), *_rows(faulty)]
    details = {"lost": alarms, "missed": missed}
    return section(settings, title, rows, figures, bars, notes, details)


def true_simulators(seed: int, size: Size) -> tuple[list[Reply], int]:
    """The answers about simulators that made their logs, and the documents that were shown."""
    replies, num_events = [], 0
    for number, name in enumerate(worlds.WORLDS):
        if name not in size.kinds:
            continue
        truth = worlds.WORLDS[name].simulator(seed + number)
        parts = worlds.logs_of(truth, 3 * size.true_logs, size.true_sessions, [seed, number])
        has_memory = name == "memory"
        questions = [each for each in _ASKED if has_memory or each != "order"]
        for log in range(size.true_logs):
            train, held_out, other = parts[3 * log : 3 * log + 3]
            validation = _asked(truth, train, held_out, questions, size, has_memory, other)
            replies += [Reply(name, log, *each) for each in validation.items()]
            num_events += validation.num_events
    return replies, num_events


def faulty_simulators(seed: int, size: Size) -> list[Reply]:
    """The answers about simulators with faults, of the questions that should find them."""
    replies = []
    for number, name in enumerate(worlds.FAULTS):
        if name not in size.faults:
            continue
        fault = worlds.FAULTS[name]
        truth = fault.world.simulator(seed + 100 + number)
        model = worlds.faulty(fault, truth, size.level_sessions)
        num_logs, num_sessions = size.faulty_logs, size.faulty_sessions
        parts = worlds.logs_of(truth, 2 * num_logs, num_sessions, [seed, 100 + number])
        others: Sequence[Any] = [None] * num_logs
        if fault.turns:
            later = worlds.turned_round(truth, size.level_sessions)
            others = worlds.logs_of(later, num_logs, num_sessions, [seed, 200 + number])
        for log in range(num_logs):
            train, held_out = parts[2 * log : 2 * log + 2]
            validation = _asked(model, train, held_out, fault.found_by, size, other=others[log])
            replies += [Reply(name, log, *each) for each in validation.items()]
    return replies


def known_users(seed: int, size: Size) -> float:
    """The share of logs in which an answer that needs sessions held out is believable although
    their users are also in training.
    """
    truth = worlds.WORLDS["memory"].simulator(seed)
    parts = worlds.logs_of(truth, 2 * size.known_logs, size.true_sessions, [seed, 300])
    questions = [name for name in _ASKED if _BY_NAME[name].needs_held_out]
    users = np.arange(size.true_sessions).astype(str)
    parts = [part._replace(labels=part.labels._replace(user=users)) for part in parts]
    is_believed = []
    for train, held_out in zip(parts[::2], parts[1::2], strict=True):
        validation = _asked(truth, train, held_out, questions, size, has_memory=True)
        words = [answer.verdict.word for answer in validation.values()]
        is_believed.append(BELIEVABLE in words)
    return float(np.mean(is_believed))


def _asked(
    model: recsim_tf.Simulator,
    train: logs.Log,
    held_out: logs.Log,
    questions: Sequence[str],
    size: Size,
    has_memory: bool = False,
    other: logs.Log | None = None,
) -> Validation:
    """The answers to some questions."""

    def refit(log: logs.Log, fixed: Mapping[str, Any]) -> recsim_tf.Simulator:
        return worlds.fitted_memory(log, model, with_memory=not fixed)

    return fitting.validate(
        model,
        train,
        held_out,
        questions=[_BY_NAME[name] for name in questions],
        refit=refit if has_memory else None,
        static={"users.gain": 0.0} if has_memory else None,
        other=other,
        num_replicates=size.num_replicates,
    )


def _figures_of_alarms(replies: Sequence[Reply]) -> dict[str, float]:
    """Shares of logs in which true simulators lose the word of each question, and the largest; the
    share of z-scores within 2, and the mean area under the classifier's curve.
    """
    shares = {name: _share_lost(replies, question=name) for name in _ASKED}
    figures = {f"validate.false_alarms.{name}": share for name, share in shares.items()}
    figures["validate.false_alarms"] = max(shares.values())
    z_scores = [
        statistic["z_score"]
        for reply in replies
        if reply.question == "reproduces"
        for statistic in reply.answer.figures.values()
    ]
    areas = [reply.answer.figures.auc for reply in replies if reply.question == "classifier"]
    figures["validate.share_of_z_within_2"] = float(np.mean(np.abs(z_scores) < 2))
    figures["validate.auc_of_true"] = float(np.mean(areas))
    return figures


def _figures_of_power(replies: Sequence[Reply]) -> dict[str, float]:
    """The share of logs in which each fault is found, and the least; the share in which a simulator
    without users is believed to predict.
    """
    powers: dict[str, float] = {}
    for name in dict.fromkeys(reply.world for reply in replies):
        of_fault = [reply for reply in replies if reply.world == name]
        is_found = {reply.log: False for reply in of_fault}
        for reply in of_fault:
            is_found[reply.log] |= reply.is_lost
        powers[name] = float(np.mean(list(is_found.values())))
    figures = {f"validate.power.{name}": power for name, power in powers.items()}
    trusted = [
        reply.answer.verdict.word == BELIEVABLE
        for reply in replies
        if (reply.world, reply.question) == ("no users", "predicts")
    ]
    return figures | {
        "validate.least_power": min(powers.values()),
        "validate.no_users_trusted": float(np.mean(trusted)),
    }


def _missed(replies: Sequence[Reply]) -> list[str]:
    """The answers about faults in the logs in which no question found them."""
    lost = {(reply.world, reply.log) for reply in replies if reply.is_lost}
    return [str(reply) for reply in replies if (reply.world, reply.log) not in lost]


def _share_lost(replies: Sequence[Reply], question: str) -> float:
    lost = [reply.is_lost for reply in replies if reply.question == question]
    return float(np.mean(lost))


def _rows(replies: Sequence[Reply]) -> list[tuple[str, ...]]:
    """Rows by world or fault: in how many logs the word of each question is lost."""
    rows = []
    for name in dict.fromkeys(reply.world for reply in replies):
        cells = []
        for question in _ASKED:
            lost = [
                reply.is_lost
                for reply in replies
                if (reply.world, reply.question) == (name, question)
            ]
            cells.append(f"{sum(lost)} of {len(lost)}" if lost else "")
        rows.append((name, *cells))
    return rows
