# SPDX-License-Identifier: Apache-2.0
"""Is a log that misleads found out before a policy is judged from it? In the worlds of
`doctor_worlds.py`, which are written in NumPy alone.

The worlds V1 to V4 of `validated_worlds.py` are of simulators with a fault, which
`fitting.validate` must find: the answer to the question that asks for it loses its word.

A world is found if `logs.examine` accuses the log. "Promised" is the share of logs in which the
estimate is "believable" or "wide". A promise is wrong where the intervals of the value or of the
gain hold the truth in less than 90 % of the logs of a world.
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from off_policy import doctor_worlds, validated_worlds
from off_policy.doctor_worlds import Logged
from off_policy.validated_worlds import Validated
from sections import Section, Settings, kept, section

from recsim_tf import fitting, ope
from recsim_tf.fitting.validation import QUESTIONS
from recsim_tf.logs import SlateLogProbs
from recsim_tf.ope.simultaneous import with_simultaneous_gains
from recsim_tf.support.verdicts import NOT_BELIEVABLE, WITH_CARE

_HELD = 0.9
_NUM_REPLICATES = 50
# Worlds in which the sessions are right, and the estimate or the policy is at fault.
_NOT_OF_LOGS = ("R14",)


class _Shares(NamedTuple):
    """Shares of the logs of a world."""

    faults: float  # with a fault
    found: float  # accused
    promised: float
    value_held: float  # of the logs with a promise; NaN without any
    gain_held: float
    all_held: float  # of all logs, the value
    all_gain_held: float


def measure(settings: Settings) -> Section:
    """Examines and judges logs of each world."""
    num_logs = 3 if settings.quick else 200
    worlds = doctor_worlds.MISLEADING | doctor_worlds.LEARNED | doctor_worlds.SOUND
    shares = {
        name: _Shares(
            *kept(
                settings,
                f"doctor, {name}",
                functools.partial(_shares, world, num_logs, settings.seed),
            )
        )
        for name, world in worlds.items()
    }
    num_validated = 1 if settings.quick else 100
    lost = {
        name: kept(
            settings,
            f"doctor, {name}",
            functools.partial(_share_lost, world, num_validated, settings.seed),
        )
        for name, world in (validated_worlds.FAULTY | validated_worlds.RIGHT).items()
    }
    figures = {
        f"doctor.{name}.{key}": value
        for name, each in shares.items()
        for key, value in each._asdict().items()
    } | {f"doctor.{name}.lost": share for name, share in lost.items()}
    sound = [shares[name] for name in doctor_worlds.SOUND]
    of_logs = [
        shares[name] for name in doctor_worlds.MISLEADING if not name.startswith(_NOT_OF_LOGS)
    ]
    wrong = [
        each.promised for each in shares.values() if min(each.all_held, each.all_gain_held) < _HELD
    ]
    long = [each for name, each in shares.items() if name.startswith("R14") and each.promised]
    promised = sum(each.promised for each in long)
    long_held = [
        sum(each.promised * held for each, held in zip(long, column, strict=True)) / promised
        for column in ([each.value_held for each in long], [each.gain_held for each in long])
        if promised
    ]
    figures |= {
        "doctor.least_found": min(
            *(each.found for each in of_logs), *(lost[name] for name in validated_worlds.FAULTY)
        ),
        "doctor.most_promised_wrongly": max(wrong, default=0.0),
        "doctor.false_accusations": max(
            *(each.found for each in sound), *(lost[name] for name in validated_worlds.RIGHT)
        ),
        "doctor.least_coverage_long": min(long_held, default=math.nan),
        "doctor.winner": kept(
            settings, "doctor, R3", functools.partial(_winners, num_logs, settings.seed)
        ),
    }
    rows = [("world", "fault", "accused", "promised", "value held", "gain held")]
    for name, each in shares.items():
        cells = each[:5]
        rows.append((name, *("" if math.isnan(cell) else f"{cell:.2f}" for cell in cells)))
    for name, share in lost.items():
        rows.append((name, "", f"{share:.2f}", "", "", ""))
    notes = [
        f"Shares of {num_logs} logs; those that hold are shares of the logs with a promise.",
        "R3: of 20 policies that earn the same, one is said to earn more in"
        f" {figures['doctor.winner']:.2f} of the logs.",
        f"V1 to V4, and right simulators: the share of {num_validated} validations whose answer"
        " loses its word.",
    ]
    bars = {
        "doctor.least_found": (0.9, 1.0),
        "doctor.most_promised_wrongly": (0.0, 0.05),
        "doctor.false_accusations": (0.0, 0.05),
        "doctor.winner": (0.0, 0.06),
        "doctor.least_coverage_long": (0.92, 1.0),
    }
    return section(settings, "Logs that mislead", rows, figures, bars, notes)


def _shares(world: Callable[[int], Logged], num_logs: int, seed: int) -> list[float]:
    """The fields of `_Shares`."""
    found, promised, held = [], [], []
    for number in range(num_logs):
        logged = world(seed * num_logs + number)
        result = ope.evaluate(None, logged.log, ("snips",))
        findings = result.findings
        found.append((bool(findings.faults), bool(findings.faults or findings.cautions)))
        promised.append(result["snips"].verdict.is_promise)
        held.append(_held(result["snips"], logged))
    promise, holds = np.array(promised), np.array(held)
    of_promised = holds[promise].mean(axis=0) if promise.any() else [math.nan] * 2
    shares = _Shares(
        *np.mean(found, axis=0).tolist(),
        float(promise.mean()),
        *map(float, of_promised),
        *holds.mean(axis=0).tolist(),
    )
    return list(shares)


def _share_lost(world: Callable[[int], Validated], num_logs: int, seed: int) -> float:
    """The share of logs in which the answer to the question of a world is not "believable"."""
    by_name = {question.name: question for question in QUESTIONS}
    lost = []
    for number in range(num_logs):
        model, train, held_out, asked = world(seed * num_logs + number)
        questions = [by_name[asked]]
        answers = fitting.validate(
            model, train, held_out, questions=questions, num_replicates=_NUM_REPLICATES
        )
        lost.append(answers[asked].verdict.word in (WITH_CARE, NOT_BELIEVABLE))
    return float(np.mean(lost))


def _held(estimate: ope.Estimate, logged: Logged) -> tuple[bool, bool]:
    """Whether the intervals hold the value of the policy and its gain."""
    assert estimate.gain is not None
    gain = logged.value - logged.logged_value
    return _holds(estimate.interval, logged.value), _holds(estimate.gain.interval, gain)


def _holds(interval: tuple[float, float], truth: float) -> bool:
    return interval[0] <= truth <= interval[1]


def _winners(num_logs: int, seed: int) -> float:
    """The share of logs in which a policy is said to earn more than another one, though all earn
    the same.
    """
    named = []
    for number in range(num_logs):
        tied = doctor_worlds.tied(seed * num_logs + number)
        results = ope.Results()
        for place, target in enumerate(tied.targets):
            log = tied.log._replace(target=SlateLogProbs(slate=target))
            results[str(place)] = ope.evaluate(None, log, ("snips",))
        with_simultaneous_gains(results, seed)
        rows = results.rows()
        named.append(any(row["so it earns"] in ("more", "less") for row in rows))
    return float(np.mean(named))
