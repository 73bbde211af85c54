# SPDX-License-Identifier: Apache-2.0
"""A classifier of simulated and logged sessions."""

import functools
import itertools
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from tensorflow_probability import distributions as tfd

from recsim_tf.fitting.validation.context import Context
from recsim_tf.fitting.validation.dependence import popularity, seen_before, surprises
from recsim_tf.fitting.validation.learners import area_under_curve, boosting, predicted
from recsim_tf.fitting.validation.outcomes import Outcomes
from recsim_tf.fitting.validation.question import Answer
from recsim_tf.support.means import Mean
from recsim_tf.support.pages import Chart, Note, Part, Table
from recsim_tf.support.plots import plot
from recsim_tf.support.tables import fixed, label
from recsim_tf.support.verdicts import (
    BELIEVABLE,
    CANNOT_TELL,
    NOT_BELIEVABLE,
    WITH_CARE,
    Verdict,
)

_FOLDS = 5
_NUM_SIMULATED = 3
_MOST_STEPS = 20_000  # among which the classifier learns
_LARGEST_AUC = 0.55  # of sessions


class Classified:
    """The question whether a classifier can tell simulated from logged sessions."""

    name, title, needs_held_out = (
        "classifier",
        "Can a classifier tell simulated from logged sessions?",
        True,
    )

    def ask(self, context: Context) -> Answer:
        """Lets boosted trees tell simulated sessions from logged ones."""
        if context.is_small:
            return Answer(Verdict(CANNOT_TELL, "Not asked of so few sessions."))
        sessions, seed = context.sessions, context.seed
        logged = sessions.observed(seed)
        simulated = list(sessions.simulated(seed, _NUM_SIMULATED))
        discrimination = discriminate(
            logged, simulated, context.training_outcomes, sessions.is_closed_loop, seed
        )
        return Answer(
            verdict(discrimination),
            discrimination,
            (
                "area under the curve of a classifier",
                Mean(discrimination.auc, discrimination.standard_error),
            ),
            lambda: _parts(discrimination),
            [functools.partial(_area_plot, discrimination=discrimination)],
        )


class Discrimination(NamedTuple):
    """The skill of a classifier in telling sessions apart: areas under its curve of true and false
    positive rates, 0.5 for a guess and 1 where it is always right.
    """

    auc: float  # of the log against simulations, mean
    standard_error: float  # between simulations
    chance: float  # the standard error of a guess on so many sessions
    auc_null: float  # of one simulation against another
    # of the log against simulations in which the odds of a click are twice as high: where it is
    # near 0.5 too, so few clicks tell nothing
    auc_power: float
    top_features: list[str]  # the features that tell most, the strongest first
    unit: str  # "session" or "step", the unit that is told apart
    # Units of a session. An area of whole sessions, whose steps add to what tells them apart, is
    # larger than an area of their steps.
    num_units: float


def discriminate(
    logged: Outcomes,
    simulated: Sequence[Outcomes],
    training: Outcomes,
    is_closed_loop: bool,
    seed: int = 0,
) -> Discrimination:
    """Tells a log from at least two simulations of it. In a closed loop whole sessions are told
    apart, else steps with the logged steps before them. A session and its simulations are in one
    fold of five, since a classifier would otherwise know its slates.

    Args:
      logged, simulated: the outcomes of the same S sessions in the log and in a simulation.
      training: the outcomes of another log, from which the `popularity` of documents is learned.
        The rates of the same log would know its clicks.
      is_closed_loop: whether whole sessions were simulated.
      seed: the seed of the folds, and of the choice among many steps.

    Raises:
      ImportError: without scikit-learn.
    """
    generator = np.random.default_rng(seed)
    fold = generator.integers(0, _FOLDS, len(logged.length))
    rows = fold
    if not is_closed_loop:
        session, step = np.nonzero(logged.active)
        if len(session) > _MOST_STEPS:
            chosen = np.sort(generator.choice(len(session), _MOST_STEPS, replace=False))
            session, step = session[chosen], step[chosen]
        rows = fold[session]
        of_past = features_before(logged, popularity(training, logged))
        before = seen_before(logged)

    def of_outcomes(outcomes: Outcomes) -> dict[str, np.ndarray]:
        expected = popularity(training, outcomes)
        if is_closed_loop:
            return features(outcomes, expected)
        of_steps = of_past | features_of_steps(outcomes, expected, of_past, before)
        return {name: values[session, step] for name, values in of_steps.items()}

    columns = of_outcomes(logged)
    names = list(columns)
    real, *twins = (
        np.stack(list(each.values()), axis=1)
        for each in (columns, *(of_outcomes(each) for each in simulated))
    )
    against_log = np.array([_auc(real, twin, rows, seed) for twin in twins])
    nulls = [_auc(*pair, rows, seed) for pair in itertools.pairwise(twins)]
    powers = []
    for each in simulated:
        more = of_outcomes(_with_twice_the_odds(each, generator))
        powers.append(_auc(real, np.stack(list(more.values()), axis=1), rows, seed))
    strength = [
        np.mean([abs(area_of(real[:, column], twin[:, column]) - 0.5) for twin in twins])
        for column in range(len(names))
    ]
    strongest = np.argsort(strength)[::-1][:5]
    return Discrimination(
        auc=float(against_log.mean()),
        standard_error=float(against_log.std(ddof=1) / np.sqrt(len(against_log))),
        # That of the statistic of Mann and Whitney 1947, for two samples of one size.
        chance=float(np.sqrt((2 * len(real) + 1) / 12) / len(real)),
        auc_null=float(np.mean(nulls)),
        auc_power=float(np.mean(powers)),
        top_features=[names[column] for column in strongest],
        unit="session" if is_closed_loop else "step",
        num_units=1.0 if is_closed_loop else float(logged.length.mean()),
    )


def features_before(past: Outcomes, expected: np.ndarray) -> dict[str, np.ndarray]:
    """The features of the steps before each step that the classifier sees, float32 [S, T] by name.

    Args:
      past: the outcomes of a log.
      expected: the `popularity` of its documents.
    """
    number = np.maximum(np.arange(past.active.shape[1]), 1)

    def mean_before(values: np.ndarray) -> np.ndarray:
        return (np.cumsum(values, axis=1) - values) / number

    def of_last(values: np.ndarray) -> np.ndarray:
        return np.pad(values, [(0, 0), (1, 0)])[:, :-1]

    surprise = surprises(past, expected)
    by_name = {
        "step": np.broadcast_to(np.arange(past.active.shape[1]), past.active.shape),
        "clicks before": mean_before(past.clicks),
        "clicks beyond expectation before": mean_before(surprise),
        "clicks of the last step": of_last(past.clicks),
        "last step beyond expectation": of_last(surprise),
        "steps without a click before": of_last(_run_lengths((past.clicks == 0) & past.active)),
    }
    by_name |= {
        f"{label(name)} before": mean_before(amount) for name, amount in past.amounts.items()
    }
    return {name: np.nan_to_num(np.asarray(each, np.float32)) for name, each in by_name.items()}


def features_of_steps(
    outcomes: Outcomes,
    expected: np.ndarray,
    before: Mapping[str, np.ndarray],
    seen: tuple[np.ndarray, np.ndarray],
) -> dict[str, np.ndarray]:
    """The features of each step that the classifier sees, float32 [S, T] by name.

    Args:
      outcomes: the outcomes of a log, or of a simulation of it.
      expected: the `popularity` of its documents.
      before: the features of the logged steps before each, see `features_before`.
      seen: the documents that the session clicked, and passed, before, see `seen_before`.
    """
    clicked = (outcomes.clicked > 0) & outcomes.counted
    clicks = clicked.sum(axis=2)
    surprise = surprises(outcomes, expected)
    by_name = {
        "the user leaves": outcomes.left,
        "clicks": clicks,
        "clicks beyond expectation": surprise,
        "popularity of what is clicked": np.where(clicked, expected, 0).sum(axis=2)
        / np.maximum(clicks, 1),
        "mean position clicked": (clicked * np.arange(clicked.shape[2])).sum(axis=2)
        / np.maximum(clicks, 1),
        "clicks on documents clicked before": _among(clicked, seen[0]),
        "clicks on documents passed before": _among(clicked, seen[1]),
        "clicks of neighbouring steps": surprise * before["last step beyond expectation"],
        "clicks like those before": surprise * before["clicks beyond expectation before"],
    }
    by_name |= {label(name): amount for name, amount in outcomes.amounts.items()}
    return {name: np.nan_to_num(np.asarray(each, np.float32)) for name, each in by_name.items()}


def _among(clicked: np.ndarray, documents: np.ndarray) -> np.ndarray:
    """The share of some documents of each step that is clicked, [S, T]; -1 where there are none."""
    number = documents.sum(axis=2)
    return np.where(number > 0, (clicked & documents).sum(axis=2) / np.maximum(number, 1), -1)


def features(sessions: Outcomes, expected: np.ndarray) -> dict[str, np.ndarray]:
    """The features of each session that the classifier sees, float64 [S] by name.

    Args:
      sessions: the sessions of a log, or of a simulation of it.
      expected: see `discriminate`.
    """
    counted, clicked = sessions.counted, sessions.clicked > 0
    by_step = clicked.sum(axis=2, dtype=np.float64)
    active, length = sessions.active, sessions.length
    last = np.maximum(length - 1, 0)
    rows = np.arange(len(length))
    clicks, shown = by_step.sum(axis=1), counted.sum(axis=(1, 2))
    rate = clicks / np.maximum(shown, 1)
    # How a step's clicks differ from those that its documents let expect, and the next step's.
    surprise = surprises(sessions, expected)
    pairs = active[:, 1:] & active[:, :-1]
    neighbours = np.where(pairs, surprise[:, 1:] * surprise[:, :-1], 0).sum(axis=1)
    none, some = by_step == 0, by_step > 0
    of_sessions = {
        "steps": length,
        "the user leaves": sessions.left.any(axis=1),
        "clicks": clicks,
        "click rate": rate,
        "clicks beyond expectation": surprise.sum(axis=1),
        "clicks of neighbouring steps": neighbours / np.maximum(pairs.sum(axis=1), 1),
        "first response": by_step[:, 0],
        "last response": by_step[rows, last],
        "longest run without a click": _longest(none & active),
        "longest run of clicks": _longest(some & active),
        "steps with a click": (some & active).sum(axis=1) / np.maximum(length, 1),
        "spread of clicks over steps": np.where(active, by_step, 0).std(axis=1),
        "popularity of what is clicked": np.where(clicked, expected, 0).sum(axis=(1, 2))
        / np.maximum(clicks, 1),
        "mean position clicked": (clicked * np.arange(clicked.shape[2])).sum(axis=(1, 2))
        / np.maximum(clicks, 1),
    }
    of_sessions |= {label(name): each.sum(axis=1) for name, each in sessions.amounts.items()}
    # Sums of a simulation and of the log may differ in the last digit, since their arrays have
    # different layouts in memory, and trees would split there: single precision has them alike.
    return {
        name: np.nan_to_num(np.asarray(each, np.float32)).astype(np.float64)
        for name, each in of_sessions.items()
    }


def area_of(real: np.ndarray, simulated: np.ndarray) -> float:
    """The area under the curve of a single feature, [S] each."""
    labels = np.repeat([0, 1], [len(real), len(simulated)])
    return area_under_curve(labels, np.concatenate([real, simulated]))


def _auc(real: np.ndarray, simulated: np.ndarray, fold: np.ndarray, seed: int) -> float:
    rows, labels = np.concatenate([real, simulated]), np.repeat([0, 1], [len(real)] * 2)
    folds, scores = np.concatenate([fold, fold]), np.empty(len(labels))
    for number in range(_FOLDS):
        inside = folds == number
        if inside.any():
            scores[inside] = predicted(boosting(seed), rows[~inside], labels[~inside], rows[inside])
    return area_under_curve(labels, scores)


def _with_twice_the_odds(sessions: Outcomes, generator: np.random.Generator) -> Outcomes:
    """Sessions with further clicks, so many that the odds of a click are twice as high."""
    counted, clicked = sessions.counted, sessions.clicked > 0
    rate = clicked.sum(axis=(0, 1)) / np.maximum(counted.sum(axis=(0, 1)), 1)
    more = generator.random(sessions.clicked.shape) < rate / (1 + rate)
    return sessions._replace(clicked=clicked | (more & counted))


def _longest(runs: np.ndarray) -> np.ndarray:
    """The length of the longest run of true steps, [S], of bool [S, T]."""
    return _run_lengths(runs).max(axis=1)


def _run_lengths(runs: np.ndarray) -> np.ndarray:
    """The number of true steps up to each step since the last false one, [S, T], of bool [S, T]."""
    step = np.arange(1, runs.shape[1] + 1)
    return step - np.maximum.accumulate(np.where(runs, 0, step), axis=1)


def verdict(discrimination: Discrimination) -> Verdict:
    """The answer."""
    unit = discrimination.unit
    sentence = (
        f"A classifier that sees a logged and a simulated {unit} picks the logged one in"
        f" {discrimination.auc:.1%} ± {discrimination.standard_error:.1%} of pairs; 50% is a guess,"
        f" two simulations have {discrimination.auc_null:.1%}, twice the odds of a click"
        f" {discrimination.auc_power:.1%}."
    )
    normal = tfd.Normal(np.float64(0.0), 1.0)
    largest, too_large = (
        float(normal.cdf(normal.quantile(area) / np.sqrt(discrimination.num_units)))
        for area in (_LARGEST_AUC, 2 * _LARGEST_AUC - 0.5)
    )
    bound = max(largest, 0.5 + 2 * discrimination.chance)
    if discrimination.auc >= bound:
        word = WITH_CARE if discrimination.auc < too_large else NOT_BELIEVABLE
        meaning = (
            f"Its {unit}s can be told from logged ones, most of all by"
            f" {', '.join(discrimination.top_features[:3])}."
        )
    elif discrimination.auc < largest and discrimination.auc_power >= bound:
        word, meaning = BELIEVABLE, f"Its {unit}s pass for logged ones."
    else:
        word, meaning = CANNOT_TELL, "With so few sessions or clicks nobody can tell them apart."
    return Verdict(word, f"{meaning} {sentence}")


def _parts(discrimination: Discrimination) -> list[Part]:
    rows = [
        {
            "": name,
            "area under the curve": fixed(area, 3),
            "± standard error": fixed(discrimination.standard_error, 3) if number == 0 else None,
        }
        for number, (name, area) in enumerate(areas(discrimination).items())
    ]
    drawn = plot(_area_plot, discrimination, size=(9, 2.2))
    unit = discrimination.unit
    seen = "lengths, clicks, runs and neighbours of whole sessions"
    if unit == "step":
        seen = "single steps, with what was logged in the steps before them"
    note = (
        f"Boosted trees look at {seen}, in five folds, with a session and its simulations in one."
        f" The area under the curve is the share of pairs of a logged and a simulated {unit} in"
        " which they pick the logged one; the grey"
        f" band holds 95% of guesses on so many {unit}s. The third row says what would be found:"
        " where it is near 0.5, so few clicks tell nothing. The"
        f" features that tell most: {', '.join(discrimination.top_features)}."
    )
    return [Table(rows), Chart(drawn.png(), "Areas under the curve"), Note(note)]


def areas(discrimination: Discrimination) -> dict[str, float]:
    """Areas under the curve of a classifier, by what it tells apart."""
    return {
        "log against simulations": discrimination.auc,
        "one simulation against another": discrimination.auc_null,
        "log against simulations with twice the odds of a click": discrimination.auc_power,
    }


def _area_plot(axes: Any, discrimination: Discrimination) -> None:
    """The areas under the curve, and a band of those of guesses."""
    values = areas(discrimination)
    low, high = 0.5 - 2 * discrimination.chance, 0.5 + 2 * discrimination.chance
    axes.axvspan(low, high, color="grey", alpha=0.25, linewidth=0)
    axes.plot(list(values.values()), range(len(values)), "o")
    axes.set_yticks(range(len(values)), [textwrap.fill(name, 20) for name in values])
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.set_xlim(min(0.4, *values.values()) - 0.01, 1.01)
    axes.set_xlabel("area under the curve")
