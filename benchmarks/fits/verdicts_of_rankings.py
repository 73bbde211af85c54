# SPDX-License-Identifier: Apache-2.0
"""Does `fitting.validate` tell how well a simulator ranks policies?

The visitors are those of `off_policy/believed.py`. Four Plackett-Luce policies are ranked by
simulators that are right, that see half of what suits, that have its sign turned, or one of two
tastes. Coverage is the share of logs in which the interval of the rank correlation holds the true
one: Kendall's, between the true values in the world and in the simulator, of the policies whose
value the log tells. A log that tells the value of fewer than three gives no interval, and does not
count.

A false alarm is a word that is lost ("with care", "not believable") where the true correlation is
1; a simulator is believed wrongly where it is "believable" and the true correlation is not above 0.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from off_policy import believed
from sections import Section, Settings, section

import recsim_tf
from recsim_tf import logs, ope
from recsim_tf.fitting import validate
from recsim_tf.fitting.validation.chosen import Chosen
from recsim_tf.policies import PlackettLucePolicy
from recsim_tf.support.verdicts import BELIEVABLE, CANNOT_TELL, NOT_BELIEVABLE, WITH_CARE

_NUM_LOGS = 17  # of each simulator
_PROMISED, _MOST_WRONG = 0.92, 0.05
_NUM_TRUTH = 200_000
_LOGGED = 0.3  # the sharpness of the policy that logs
_MOST_NOTES = 12


class OneTasteTurned(believed.Visitors):
    """Visitors whose second taste is the other way round."""

    def response(self, state, slate):
        turned = slate._replace(documents=slate.documents * [1.0, -1.0])
        return super().response(state, turned)


class Judged(NamedTuple):
    """A simulator, and the policies that it and the log rank."""

    model: recsim_tf.Simulator
    policies: Mapping[str, PlackettLucePolicy]
    is_right: bool = False
    num_steps: int = 2
    num_sessions: int = 2000


class Rankings(NamedTuple):
    """The answers of logs about a simulator."""

    truth: float  # the true rank correlation of all policies
    words: list[str]  # of each log
    held: list[bool]  # of each log with an interval, whether it holds the truth
    missed: list[str]  # the answers whose intervals do not


def chosen(settings: Settings) -> Section:
    """Coverage of the interval of the rank correlation, and words."""
    names = ("right, one step", "sign turned") if settings.quick else tuple(_JUDGED)
    rankings = {name: ranked(name, settings) for name in names}
    figures = {
        f"chosen.coverage.{name}": _share(ranking.held) for name, ranking in rankings.items()
    }
    figures["chosen.coverage"] = _share([held for each in rankings.values() for held in each.held])
    right = [each.words for each in rankings.values() if each.truth == 1]
    wrong = [each.words for each in rankings.values() if each.truth <= 0]
    figures["chosen.false_alarms"] = _share(
        [word in (WITH_CARE, NOT_BELIEVABLE) for words in right for word in words]
    )
    figures["chosen.believed_wrongly"] = _share(
        [word == BELIEVABLE for words in wrong for word in words]
    )
    rows = [("simulator", "true", "coverage", BELIEVABLE, CANNOT_TELL, NOT_BELIEVABLE)]
    rows += [
        (
            name,
            f"{each.truth:+.2f}",
            f"{_share(each.held):.2f} of {len(each.held)}",
            *(str(each.words.count(word)) for word in rows[0][3:]),
        )
        for name, each in rankings.items()
    ]
    bars = {
        "chosen.coverage": (_PROMISED, 1.0),
        "chosen.false_alarms": (0.0, _MOST_WRONG),
        "chosen.believed_wrongly": (0.0, _MOST_WRONG),
    }
    missed = [f"{name}: {answer}" for name, each in rankings.items() for answer in each.missed]
    notes = ["", "Intervals that miss:", *missed[:_MOST_NOTES]] if missed else []
    title = "Rank correlations of policies: how often the interval holds the true one, and words"
    return section(settings, title, rows, figures, bars, notes, {"missed": missed})


def ranked(name: str, settings: Settings, num_logs: int | None = None) -> Rankings:
    """The answers of logs about a simulator, by its name in `_JUDGED`."""
    judged = _JUDGED[name]()
    size = 300 if settings.quick else judged.num_sessions
    num_logs = num_logs or (1 if settings.quick else _NUM_LOGS)
    values = _true_values(judged, settings)
    seed = settings.seed + 1 + list(_JUDGED).index(name)
    sessions = _logged(judged.num_steps, (num_logs + 1) * size, seed)
    train, *parts = (
        sessions.take(slice(at, at + size)) for at in range(0, len(sessions.length), size)
    )
    rankings = Rankings(_kendall(values, judged.policies), [], [], [])
    for held_out in parts:
        answer = validate(
            judged.model,
            train,
            held_out,
            questions=(Chosen(),),
            policies=judged.policies,
            logging=believed._policy(_LOGGED),
            seed=settings.seed,
        )["chosen"]
        rankings.words.append(answer.verdict.word)
        if answer.figures is not None:
            unseen = answer.figures["unseen"]
            truth = _kendall(values, [each for each in judged.policies if each not in unseen])
            low, high = answer.figures["interval"]
            rankings.held.append(bool(low - 1e-9 <= truth <= high + 1e-9))
            if not rankings.held[-1]:
                rankings.missed.append(f"true {truth:+.2f}, {answer.verdict}")
    return rankings


def _sharper(*sharpnesses: float) -> dict[str, PlackettLucePolicy]:
    return {f"sharpness {each}": believed._policy(each) for each in sharpnesses}


def _by_tastes(*tastes: tuple[float, float]) -> dict[str, PlackettLucePolicy]:
    """Policies that see each of two tastes as sharply as is said."""

    def policy(sharpness: tuple[float, float]) -> PlackettLucePolicy:
        def logits(seen):
            return tf.linalg.matvec(seen.documents, seen.user * tf.constant(sharpness))

        return PlackettLucePolicy.of_logits(logits, believed._SLATE_SIZE)

    return {f"tastes {each}": policy(each) for each in tastes}


def _half() -> recsim_tf.Simulator:
    world = believed.World(0.6)
    return believed.simulator_of(believed.level_of_slope(world, 0.5), 0.5)


def _turned() -> recsim_tf.Simulator:
    right = believed.simulator_of()
    return recsim_tf.Simulator(
        OneTasteTurned(), right.documents, believed._SLATE_SIZE, believed._NUM_CANDIDATES
    )


_SEVERAL = (0.0, 0.3, 0.6, 0.9)
_JUDGED = {
    "right, one step": lambda: Judged(
        believed.simulator_of(), _sharper(0.0, 0.4, 0.8, 1.2), True, 1
    ),
    "right, two steps": lambda: Judged(believed.simulator_of(), _sharper(*_SEVERAL), True),
    "right, near policies": lambda: Judged(
        believed.simulator_of(), _sharper(0.2, 0.3, 0.4, 0.5), True, 1, 1000
    ),
    "half of what suits": lambda: Judged(_half(), _sharper(*_SEVERAL)),
    "sign turned": lambda: Judged(believed.simulator_of(slope=-1.0), _sharper(*_SEVERAL)),
    "one taste turned": lambda: Judged(
        _turned(), _by_tastes((0.8, 0.0), (0.0, 0.5), (0.6, 0.6), (0.2, -0.3))
    ),
}


def _share(values: Sequence[bool]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _logged(num_steps: int, num_sessions: int, seed: int) -> logs.Log:
    """Sessions of visitors under the policy that logs."""
    simulator, logging = believed.simulator_of(), believed._policy(_LOGGED)
    trajectory = simulator.rollout(logging, num_sessions, num_steps, seed)
    return logs.from_trajectory(trajectory, simulator, logging=logging)


def _true_values(judged: Judged, settings: Settings) -> list[dict[str, float]]:
    """The values of the policies in the world, and in the simulator."""
    number = 5_000 if settings.quick else _NUM_TRUTH
    simulators = (believed.simulator_of(), judged.model)
    values = [
        {
            name: ope.truth(simulator, policy, judged.num_steps, number, seed=7).value
            for name, policy in judged.policies.items()
        }
        for simulator in simulators[: 1 if judged.is_right else 2]
    ]
    return [values[0], values[-1]]


def _kendall(values: Sequence[Mapping[str, float]], names: Collection[str]) -> float:
    """The rank correlation of some policies in two worlds."""
    rows = np.array([[each[name] for name in names] for each in values])
    first, second = np.triu_indices(rows.shape[1], 1)
    signs = np.sign(rows[:, first] - rows[:, second])
    return float(np.mean(signs[0] * signs[1]))
