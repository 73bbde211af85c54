"""The answers to the five questions: a verdict, and a sentence with its numbers."""

from collections.abc import Mapping

import numpy as np

from recsim_tf.fitting.checks.predictive import PredictiveCheck
from recsim_tf.fitting.validation.baselines import Prediction
from recsim_tf.fitting.validation.discriminator import Discrimination
from recsim_tf.fitting.validation.foretelling import Foretold
from recsim_tf.fitting.validation.order import Order
from recsim_tf.support.means import Mean
from recsim_tf.support.tables import label

TRUST, CARE, DOUBT, UNKNOWN = "trust", "with care", "do not trust", "cannot tell"
_NEAR = 0.02  # part of the nats by which a guess may be better
_ALIKE, _UNLIKE = 0.10, 0.25  # of a statistic
_CHANCE = 3.0  # z-scores below are no fault
_LARGEST_AUC = 0.55
_NO_CLICKS = "These responses have no clicks."


def off_by(observed: float, predicted: float) -> float:
    """How far a prediction is off, as a part of what was observed; 0 where both are 0."""
    if not observed:
        return float("inf") if predicted else 0.0
    return predicted / observed - 1


def _of_gain(gain: Mean, verdict: str) -> str:
    """The verdict where a gain is shown; else that it is not, or that it is a loss."""
    if abs(gain.value) < 2 * gain.standard_error:
        return UNKNOWN
    return DOUBT if gain.value < 0 else verdict


def predicts(predictions: Mapping[str, Prediction] | None, impossible: int) -> tuple[str, str]:
    """Does it predict? With the number of steps that the model takes for impossible."""
    if predictions is None:
        return UNKNOWN, _NO_CLICKS
    model, guess = predictions["model"].nats, predictions["frequency"].gain
    best = max(
        (name for name in predictions if name != "model"),
        key=lambda name: predictions[name].nats.value,
    )
    gap, error = -predictions[best].gain.value, predictions[best].gain.standard_error
    sentence = (
        f"The model has {model.value:.4f} nats a document shown, {guess.value:+.4f} ±"
        f" {guess.standard_error:.4f} beyond the rates of positions. The best guess, {best}, has"
        f" {abs(gap):.4f} ± {error:.4f} {'more' if gap > 0 else 'less'} than the model."
    )
    if impossible:
        return DOUBT, f"{sentence} It takes the clicks of {impossible:,} steps for impossible."
    is_near = gap <= _NEAR * abs(model.value)
    return _of_gain(guess, TRUST if is_near else CARE), sentence


def knows_order(order: Order | None, has_clicks: bool = True) -> tuple[str, str]:
    """Does it know order?"""
    if not has_clicks:
        return UNKNOWN, _NO_CLICKS
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


def gaps(check: PredictiveCheck) -> dict[str, float]:
    """How far those statistics are off that are so by more than chance, as parts of the log's."""
    return {
        name: abs(off_by(statistic.observed, statistic.predicted))
        for name, statistic in check.statistics.items()
        if abs(statistic.z_score) > _CHANCE
    }


def looks_alike(check: PredictiveCheck) -> tuple[str, str]:
    """Does it look alike?"""
    off = gaps(check)
    blurred = [
        name
        for name, each in check.statistics.items()
        if name not in off and np.std(each.replicated) > _ALIKE * abs(each.observed)
    ]
    number = len(check.statistics)
    if not off or max(off.values()) <= _ALIKE:
        sentence = f"None of {number} statistics is off by more than {_ALIKE:.0%}, but for chance."
        if len(blurred) > number / 2:
            return UNKNOWN, f"{sentence} Chance alone makes most of them vary by as much."
        return TRUST, sentence
    worst = max(off, key=lambda name: off[name])
    statistic = check.statistics[worst]
    sentence = (
        f"{label(worst).capitalize()} is {statistic.predicted:.4g}, and {statistic.observed:.4g} in"
        f" the log (z {statistic.z_score:+.1f}). Of {number} statistics"
        f" {sum(gap > _ALIKE for gap in off.values())} are off by more than {_ALIKE:.0%}."
    )
    return (CARE if off[worst] <= _UNLIKE else DOUBT), sentence


def is_told(found: Discrimination | None) -> tuple[str, str]:
    """Can a machine tell it from real?"""
    if found is None:
        return UNKNOWN, "Not asked of so few sessions."
    sentence = (
        f"A classifier is right with an area of {found.auc:.3f} ± {found.standard_error:.3f} under"
        f" its curve; two simulations have {found.auc_null:.3f}, twice the odds of a click"
        f" {found.auc_power:.3f}."
    )
    bound = max(_LARGEST_AUC, 0.5 + 2 * found.chance)
    if found.auc >= bound:
        told = f"{sentence} What tells most: {', '.join(found.giveaways[:3])}."
        return (CARE if found.auc < 2 * _LARGEST_AUC - 0.5 else DOUBT), told
    if found.auc < _LARGEST_AUC and found.auc_power >= bound:
        return TRUST, sentence
    return UNKNOWN, f"{sentence} From so few sessions or clicks nobody can."


def foretells(found: Foretold | None, has_clicks: bool = True) -> tuple[str, str]:
    """Does it foretell what it did not see?"""
    if not has_clicks:
        return UNKNOWN, _NO_CLICKS
    if found is None:
        return UNKNOWN, "Not asked: give `other`, a log of another policy, period or segment."
    sentence = (
        f"Predicted {found.predicted:.3%} clicks a document, logged {found.logged.value:.3%} ±"
        f" {found.logged.standard_error:.3%} (z {found.z_score:+.1f}); {found.gain.value:+.4f} ±"
        f" {found.gain.standard_error:.4f} nats beyond the rate of the first events there."
    )
    if not 2 * found.gap.standard_error <= _ALIKE * found.logged.value:
        return UNKNOWN, sentence
    if abs(found.z_score) > 2 and abs(off_by(found.logged.value, found.predicted)) > _ALIKE:
        return DOUBT, sentence
    is_better = found.gain.value > -2 * found.gain.standard_error
    return (TRUST if is_better and abs(found.z_score) <= 2 else CARE), sentence
