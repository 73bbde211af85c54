"""How far to trust a fitted simulator: five questions, each answered by a sentence and a verdict.

A simulator that predicts well may simulate badly, and one whose sessions look right may know
nothing of their order. So each question has a check of its own, beside a guess that is cheap.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from recsim_tf.core import random
from recsim_tf.core.simulator import Simulator
from recsim_tf.core.validation import check_at_least
from recsim_tf.fitting.checks.choices import (
    ChoicePredictions,
    Mean,
    logged_clicks,
    mean_by_session,
    predict_choices,
)
from recsim_tf.fitting.checks.dependence import popularity
from recsim_tf.fitting.checks.fit_checks import as_json
from recsim_tf.fitting.checks.predictive import LEAST_REPLICATES, PredictiveCheck, check_sessions
from recsim_tf.fitting.checks.resimulation import Resimulation, continued
from recsim_tf.fitting.logs.session_log import SessionLog
from recsim_tf.fitting.validation.baselines import baselines
from recsim_tf.fitting.validation.discriminator import Discrimination, discriminate
from recsim_tf.fitting.validation.events import Events
from recsim_tf.fitting.validation.foretelling import Foretold, foretell, nats
from recsim_tf.fitting.validation.order import Order, Refit, what_order_tells
from recsim_tf.support.tables import label

TRUST, CARE, DOUBT, UNKNOWN = "trust", "with care", "do not trust", "cannot tell"
_LEAST_SESSIONS, _LEAST_CLICKS = 50, 20
_NEAR = 0.02  # part of the nats by which boosting may be better
_ALIKE, _UNLIKE = 0.10, 0.25  # of a statistic
CHANCE = 3.0  # z-scores below are no fault
_LARGEST_AUC = 0.55
_DISCRIMINATED = 3  # simulations
_PROBABILITIES = (1e-6, 1 - 1e-6)


class Finding(NamedTuple):
    """A question, and its answer."""

    question: str
    verdict: str  # "trust", "with care", "do not trust" or "cannot tell"
    sentence: str


class Prediction(NamedTuple):
    """Log-likelihoods of clicks in nats a document shown."""

    nats: Mean
    gain: Mean  # of the model over this guess, paired by event; 0 for the model itself


class Validation(NamedTuple):
    """What was found; None for a question that was not asked."""

    predictions: dict[str, Prediction]  # "model", and the guesses
    order: Order | None
    alike: PredictiveCheck
    discrimination: Discrimination
    foretold: Foretold | None
    num_sessions: int  # held out
    num_events: int  # documents that they were shown
    num_clicks: int

    @property
    def findings(self) -> list[Finding]:
        """The five questions with their answers."""
        return list(_findings(self))

    def figures(self) -> dict[str, Any]:
        """All figures and findings as JSON takes them, without rows of the log."""
        content = self._asdict()
        content["alike"] = {
            name: {
                "observed": each.observed,
                "predicted": each.predicted,
                "z_score": each.z_score,
                "off_by": off_by(each.observed, each.predicted),
            }
            for name, each in self.alike.statistics.items()
        }
        return as_json({**content, "findings": [each._asdict() for each in self.findings]})

    def __str__(self) -> str:
        return "\n".join(
            f"{each.question} {each.verdict.capitalize()}. {each.sentence}"
            for each in self.findings
        )


def validate(
    simulator: Simulator,
    train: SessionLog,
    held_out: SessionLog,
    *,
    refit: Refit | None = None,
    static: Mapping[str, Any] | None = None,
    other: SessionLog | None = None,
    num_replicates: int = 20,
    batch_size: int = 1000,
    seed: int = 0,
) -> Validation:
    """Puts a fitted simulator to five questions.

    Does it predict the clicks of sessions that it did not see, beside guesses without a model? Does
    it know the order of what users did? Do its sessions look like logged ones? Can a classifier
    tell both apart? Does it foretell another policy, period or segment?

    Args:
      simulator: fitted to `train`; it predicts clicks, see `predict_choices`.
      train: the sessions that the fit saw, from which guesses learn.
      held_out: others, of other users.
      refit: a function (log, fixed) -> simulator, which fits the models to a log with these values
        of parameters fixed; None leaves the second question out.
      static: values of parameters at which the users' dynamics do nothing, as {"users.gain": 0.0}.
      other: a log of another policy, period or segment, for the last question.
      num_replicates: simulations of the held-out sessions, at least 20.
      batch_size: sessions that are predicted or simulated at once.
      seed: of simulations, folds and orders.

    Raises:
      ValueError: for a number out of range, for `static` without `refit`, and for responses without
        clicks.
      ImportError: without scikit-learn.
    """
    check_at_least(0, seed=seed)
    check_at_least(LEAST_REPLICATES, num_replicates=num_replicates)
    if (static is None) != (refit is None):
        raise ValueError("refit and static must be given together, or both be None")
    predicted = predict_choices(simulator, held_out, batch_size, seed=seed)
    clicked = logged_clicks(predicted, held_out) & _counted(held_out)
    order = None
    if refit is not None and static is not None:
        order = what_order_tells(simulator, train, held_out, refit, static, seed, batch_size)
    foretold = None
    if other is not None:
        of_other = predict_choices(simulator, other, batch_size, seed=seed)
        foretold = foretell(
            _probs(of_other, other), logged_clicks(of_other, other), _counted(other)
        )
    sessions = Resimulation(simulator, held_out, batch_size)
    observed, *simulated = (
        sessions.observed(seed),
        *(sessions.simulated(own) for own in random.split_seed(seed, _DISCRIMINATED)),
    )
    of_train = logged_clicks(predict_choices(simulator, train, batch_size, seed=seed), train)
    expected = popularity(train, of_train, _counted(train), continued(held_out))
    return Validation(
        predictions=_predictions((train, of_train), (held_out, clicked), predicted, seed),
        order=order,
        alike=check_sessions(sessions, held_out, num_replicates, seed),
        discrimination=discriminate(observed, simulated, expected, seed),
        foretold=foretold,
        num_sessions=held_out.num_sessions,
        num_events=int(_counted(held_out).sum()),
        num_clicks=int(clicked.sum()),
    )


def _counted(log: SessionLog) -> np.ndarray:
    """bool [S, T, K]: the documents shown before the end of a session."""
    return log.shown & log.active[..., np.newaxis]


def _probs(predicted: ChoicePredictions, log: SessionLog) -> np.ndarray:
    """float64 [S, T, K]: of a click at each position."""
    return np.clip(predicted.probs[..., : log.slate_size].astype(np.float64), *_PROBABILITIES)


def _predictions(
    train: tuple[SessionLog, np.ndarray],
    held_out: tuple[SessionLog, np.ndarray],
    predicted: ChoicePredictions,
    seed: int,
) -> dict[str, Prediction]:
    """Of logs with their clicks, bool [S, T, K]."""
    log, clicked = held_out
    counted = _counted(log)
    guesses = baselines(Events.of(*train), Events.of(*held_out), seed)
    of_model = nats(_probs(predicted, log), clicked)
    found = {"model": Prediction(mean_by_session(of_model, counted), Mean(0.0, 0.0))}
    for name, probs in guesses.items():
        of_guess = np.zeros(counted.shape)
        of_guess[counted] = nats(probs, clicked[counted])
        gain = mean_by_session(of_model - of_guess, counted)
        found[name] = Prediction(mean_by_session(of_guess, counted), gain)
    return found


def off_by(observed: float, predicted: float) -> float:
    """How far a prediction is off, as a part of what was observed; 0 where both are 0."""
    if not observed:
        return float("inf") if predicted else 0.0
    return predicted / observed - 1


def _findings(found: Validation) -> Iterator[Finding]:
    """The answers; where the log is too small, "cannot tell" in the place of each verdict."""
    small = found.num_sessions < _LEAST_SESSIONS or found.num_clicks < _LEAST_CLICKS
    why = f" {found.num_sessions:,} sessions with {found.num_clicks:,} clicks tell little."
    answers = (
        ("Does it predict?", _predicts(found.predictions)),
        ("Does it know order?", _knows_order(found.order)),
        ("Does it look alike?", _looks_alike(found.alike)),
        ("Can a machine tell it from real?", _is_told(found.discrimination)),
        ("Does it foretell what it did not see?", _foretells(found.foretold)),
    )
    for question, (verdict, sentence) in answers:
        yield Finding(question, UNKNOWN if small else verdict, sentence + why * small)


def _of_gain(gain: Mean, verdict: str) -> str:
    """The verdict where a gain is shown; else that it is not, or that it is a loss."""
    if abs(gain.value) < 2 * gain.standard_error:
        return UNKNOWN
    return DOUBT if gain.value < 0 else verdict


def _predicts(predictions: Mapping[str, Prediction]) -> tuple[str, str]:
    model, guess = predictions["model"].nats, predictions["frequency"].gain
    best = max(
        (name for name in predictions if name != "model"),
        key=lambda name: predictions[name].nats.value,
    )
    gap, error = -predictions[best].gain.value, predictions[best].gain.standard_error
    sentence = (
        f"The model has {model.value:.4f} nats a document shown, {guess.value:+.4f} ±"
        f" {guess.standard_error:.4f} beyond the rates of positions. The best guess, {best}, has"
        f" {abs(gap):.4f} ± {error:.4f} {'more' if gap > 0 else 'less'}."
    )
    is_near = gap <= _NEAR * abs(model.value)
    return _of_gain(guess, TRUST if is_near else CARE), sentence


def _knows_order(order: Order | None) -> tuple[str, str]:
    if order is None:
        return UNKNOWN, "Not asked: give `static`, the values at which the dynamics do nothing."
    gain, shuffled = order
    sentence = (
        f"The dynamics add {gain.value:+.4f} ± {gain.standard_error:.4f} nats a step, and"
        f" {shuffled.value:+.4f} ± {shuffled.standard_error:.4f} where steps are shuffled."
    )
    verdict = _of_gain(gain, TRUST if shuffled.value < gain.value / 2 else CARE)
    why = " So most of it is who the user is." if verdict == CARE else ""
    return verdict, f"{sentence}{why}"


def _looks_alike(check: PredictiveCheck) -> tuple[str, str]:
    gaps = {
        name: abs(off_by(each.observed, each.predicted))
        for name, each in check.statistics.items()
        if abs(each.z_score) > CHANCE
    }
    blurred = [
        name
        for name, each in check.statistics.items()
        if name not in gaps and np.std(each.replicated) > _ALIKE * abs(each.observed)
    ]
    number = len(check.statistics)
    if not gaps or max(gaps.values()) <= _ALIKE:
        sentence = f"None of {number} statistics is off by more than {_ALIKE:.0%}, but for chance."
        if len(blurred) > number / 2:
            return UNKNOWN, f"{sentence} Chance alone makes most of them vary by as much."
        return TRUST, sentence
    worst = max(gaps, key=lambda name: gaps[name])
    statistic = check.statistics[worst]
    sentence = (
        f"{label(worst).capitalize()} is {statistic.predicted:.4g}, and {statistic.observed:.4g} in"
        f" the log (z {statistic.z_score:+.1f}); {sum(gap > _ALIKE for gap in gaps.values())} of"
        f" {number} statistics are off by more than {_ALIKE:.0%}."
    )
    return (CARE if gaps[worst] <= _UNLIKE else DOUBT), sentence


def _is_told(found: Discrimination) -> tuple[str, str]:
    sentence = (
        f"A classifier is right with an area of {found.auc:.3f} ± {found.standard_error:.3f} under"
        f" its curve; two simulations have {found.auc_null:.3f}, twice the odds of a click"
        f" {found.auc_power:.3f}."
    )
    if found.auc >= _LARGEST_AUC:
        told = f"{sentence} What tells most: {', '.join(found.giveaways[:3])}."
        return (CARE if found.auc < 2 * _LARGEST_AUC - 0.5 else DOUBT), told
    return (UNKNOWN if found.auc_power < _LARGEST_AUC else TRUST), sentence


def _foretells(found: Foretold | None) -> tuple[str, str]:
    if found is None:
        return UNKNOWN, "Not asked: give `other`, a log of another policy, period or segment."
    sentence = (
        f"Predicted {found.predicted:.3%} clicks a document, logged {found.logged.value:.3%} ±"
        f" {found.logged.standard_error:.3%} (z {found.z_score:+.1f}); {found.gain.value:+.4f} ±"
        f" {found.gain.standard_error:.4f} nats from the rate of the first events there."
    )
    if 2 * found.gap.standard_error > _ALIKE * found.logged.value:
        return UNKNOWN, sentence
    if abs(found.z_score) > 2 and abs(off_by(found.logged.value, found.predicted)) > _ALIKE:
        return DOUBT, sentence
    is_better = found.gain.value > -2 * found.gain.standard_error
    return (TRUST if is_better and abs(found.z_score) <= 2 else CARE), sentence
