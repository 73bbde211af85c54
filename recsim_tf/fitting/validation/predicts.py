# SPDX-License-Identifier: Apache-2.0
"""Does it predict? Predicted clicks of sessions held out, beside guesses without a model."""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from recsim_tf.fitting.predictions.choices import Calibration, calibrate, mean_by_session
from recsim_tf.fitting.validation.context import Context
from recsim_tf.fitting.validation.events import Events
from recsim_tf.fitting.validation.guesses import ABOVE, guesses, guesses_of_slates, nats
from recsim_tf.fitting.validation.question import NO_CLICKS, Answer
from recsim_tf.support.means import Mean
from recsim_tf.support.pages import Chart, Note, Part, Table
from recsim_tf.support.plots import plot
from recsim_tf.support.tables import fixed, label, signed
from recsim_tf.support.verdicts import (
    BELIEVABLE,
    CANNOT_TELL,
    NOT_BELIEVABLE,
    WITH_CARE,
    Verdict,
)

# With less loss by the rates of positions, in nats a document shown, clicks do not vary.
_NOTHING = 1e-5
NEAR = 0.02  # part of the nats by which a guess may be better
# What a model lacks if this guess is better, and those before it are not.
_CAUSES = {
    "frequency": "how clicks depend on the position",
    "popularity": "which documents are liked",
    "boosting without the past": "what is told of documents, users and the moment",
    "logistic regression": "how users differ",
    "boosting": "how users differ",
    "boosting with order": "how users change from step to step",
    ABOVE: "how a click changes what is clicked below it",
}


class Prediction(NamedTuple):
    """Log-likelihoods of clicks in nats a document shown."""

    nats: Mean
    gain: Mean  # of the model over this guess, paired by event; 0 for the model itself


class Predictions(NamedTuple):
    """Predictions of the sessions held out."""

    # the "model" and the guesses by name, of each document alone; None without clicks
    scores: dict[str, Prediction] | None
    # the "model" and a guess, of each document given the clicks above it on the slate; None where a
    # slate has one click at most
    given_above: dict[str, Prediction] | None
    # Nats a document shown that the model would gain by an offset for each position, or for each
    # document, beyond chance.
    offsets: dict[str, float]
    impossible: int  # steps whose clicks have probability zero under the model
    calibrations: dict[str, Calibration]  # by field of responses, clicks first


class Predicts:
    """Does it predict?"""

    name, title, needs_held_out = "predicts", "Does it predict?", True

    def ask(self, context: Context) -> Answer:
        """Compares the model's log-likelihood of clicks with those of guesses."""
        predictions = predictions_of(context)
        measured = (
            Mean(np.nan, np.nan)
            if predictions.scores is None
            else predictions.scores["frequency"].gain
        )
        return Answer(
            verdict(predictions),
            predictions,
            ("nats a document shown, beyond the rates of positions", measured),
            lambda: _parts(predictions),
            [
                functools.partial(calibration_plot, calibration=each, quantity=label(name))
                for name, each in predictions.calibrations.items()
            ],
        )


def predictions_of(context: Context) -> Predictions:
    """Predictions of the model and of guesses, and their calibration."""
    calibrations = calibrate(context.responses, context.held_out)
    for name in context.responses.clicks.keys() & calibrations.keys():
        calibrations = {"click probability": calibrations.pop(name)} | calibrations
    if not context.has_clicks:
        return Predictions(None, None, {}, 0, calibrations)
    choices, log, given = context.choices, context.held_out, context.given
    clicked = context.clicked if given is None else context.clicks_of(context.whole)
    events = Events.of(context.whole, clicked)
    if given is not None:
        events = events.take(events.step >= given.length[events.session])
    train, seed = context.training_events, context.seed
    probs = choices.probs[..., : log.slate_size]
    of_model = nats(probs, context.clicked)
    what_counts = context.clicked, context.counted, context.users
    scores = scored(of_model, guesses(train, events, seed), *what_counts)
    given_above = None
    if not isinstance(choices.conditional, tuple) and log.slate_size > 1:
        of_model = np.maximum(choices.conditional, nats(0.0, True)).astype(np.float64)
        given_above = scored(of_model, guesses_of_slates(train, events, seed), *what_counts)
    impossible = int(np.sum(~np.isfinite(choices.log_prob) & log.active))
    residuals = probs[context.counted], context.clicked[context.counted]
    offsets = {
        name: _gain_of_offsets(*residuals, getattr(events, name))
        for name in ("position", "document")
    }
    return Predictions(scores, given_above, offsets, impossible, calibrations)


def _gain_of_offsets(probs: np.ndarray, clicked: np.ndarray, cells: np.ndarray) -> float:
    """Nats an event that an offset of the logit for each cell [M] of events adds to predicted
    probabilities [M], to second order, less what it adds to right predictions by chance.
    """
    _, cell = np.unique(cells, return_inverse=True)
    excess = np.bincount(cell, clicked - probs)
    variance = np.bincount(cell, probs * (1 - probs))
    gains = np.divide(excess**2, 2 * variance, out=np.zeros_like(excess), where=variance > 0)
    return float((gains - 0.5).sum() / max(len(cells), 1))


def scored(
    of_model: np.ndarray,
    probs: Mapping[str, np.ndarray],
    clicked: np.ndarray,
    counted: np.ndarray,
    users: Any,
) -> dict[str, Prediction]:
    """The log-likelihoods of the "model" and of guesses by name.

    Args:
      of_model: float64 [S, T, K], the log-likelihoods of clicks under the model.
      probs: the click probabilities of guesses for the documents that count, [M] by name.
      clicked, counted: the documents that were clicked, and those that count, bool [S, T, K].
      users: the users of the sessions, see `mean_by_session`.
    """
    scores = {"model": Prediction(mean_by_session(of_model, counted, users), Mean(0.0, 0.0))}
    for name, guess in probs.items():
        of_guess = np.zeros(counted.shape)
        of_guess[counted] = nats(guess, clicked[counted])
        gain = mean_by_session(of_model - of_guess, counted, users)
        scores[name] = Prediction(mean_by_session(of_guess, counted, users), gain)
    return scores


def _better(scores: Mapping[str, Prediction]) -> str:
    """The first guess that is better than the model by more than 2% of its nats; "" if none is."""
    bound = NEAR * abs(scores["model"].nats.value)
    others = (name for name in scores if name != "model")
    return next((name for name in others if -scores[name].gain.value > bound), "")


def _offset_cause(predictions: Predictions) -> str:
    """Describes what the model lacks by its offsets, empty if they do not tell."""
    gain, name = max(((gain, name) for name, gain in predictions.offsets.items()), default=(0, ""))
    cause = _CAUSES["frequency" if name == "position" else "popularity"]
    return cause if gain > 0 else ""


def verdict(predictions: Predictions) -> Verdict:
    """The answer."""
    scores = predictions.scores
    if scores is None:
        return NO_CLICKS
    model, frequency = scores["model"].nats, scores["frequency"].gain
    others = [name for name in scores if name != "model"]
    best = min(others, key=lambda name: scores[name].gain.value)
    gap = scores[best].gain
    better = _better(scores) or _better(predictions.given_above or scores)
    word = BELIEVABLE
    if predictions.impossible:
        word = NOT_BELIEVABLE
        meaning = (
            f"The model takes the clicks of {predictions.impossible:,} logged steps for impossible."
        )
    elif scores["frequency"].nats.value > -_NOTHING:
        word = CANNOT_TELL
        meaning = "Clicks do not vary, so there is nothing to predict."
    elif abs(frequency.value) < 2 * frequency.standard_error:
        word = CANNOT_TELL
        meaning = "The log is too small to tell whether it predicts better than mere click rates."
    elif frequency.value < 0:
        word = NOT_BELIEVABLE
        meaning = "It predicts worse than the click rates of the positions alone."
        if cause := _offset_cause(predictions):
            meaning += f" Mend {cause} first."
    elif better:
        word = WITH_CARE
        cause = _CAUSES[better]
        if better in ("frequency", "popularity"):
            cause = _offset_cause(predictions) or cause
        meaning = f"A guess without a model does better, so the model lacks {cause}."
    else:
        meaning = "It predicts clicks about as well as the best guess without a model, or better."
    figures_in_words = (
        f"It has {model.value:.4f} nats a document shown, {frequency.in_words()} beyond the rates"
        f" of positions; the best guess, {best}, has"
        f" {gap._replace(value=abs(gap.value)).in_words('.4f')}"
        f" {'less' if gap.value > 0 else 'more'}."
    )
    sentences = [meaning, figures_in_words]
    if better == ABOVE and predictions.given_above is not None:
        above = predictions.given_above[ABOVE].gain
        sentences.append(
            "Given the clicks above on the slate, a guess has"
            f" {above._replace(value=-above.value).in_words('.4f')} nats more than the model."
        )
    return Verdict(word, " ".join(sentences))


def _parts(predictions: Predictions) -> list[Part]:
    parts: list[Part] = []
    note = (
        "Guesses learn from the sessions that the fit saw. Each knows what those before it know:"
        " frequency the rates of positions; popularity the documents too; boosting without the past"
        " what is told of documents, users and the moment; logistic regression and boosting the"
        " user's past; the last one its order as well. Standard errors are between sessions. A"
        " model is believable where no guess is better by more than 2% of its nats."
    )
    above = "The same, given the clicks above a document on its slate:"
    for introduction, scores in (("", predictions.scores), (above, predictions.given_above)):
        if scores is not None:
            parts += [introduction] if introduction else []
            parts.append(Table(_rows(scores)))
    if predictions.scores is not None:
        parts.append(Note(note))
    for name, calibration in predictions.calibrations.items():
        parts.append(chart_of_calibration(name, calibration))
    return parts


def _rows(scores: Mapping[str, Prediction]) -> list[dict[str, Any]]:
    return [
        {
            "": name,
            "nats a document shown": signed(each.nats.value),
            "gain of the model": None if name == "model" else signed(each.gain.value),
            "± standard error": None if name == "model" else fixed(each.gain.standard_error),
        }
        for name, each in scores.items()
    ]


def chart_of_calibration(name: str, calibration: Calibration) -> Chart:
    """The reliability diagram of a field of responses."""
    words = f"Observed against predicted {label(name)}"
    caption = (
        f"{words}: means of {int(calibration.num_shown.sum()):,} values, in bins of about equal"
        " size, each predicted from what was logged before it. Mean distance from the diagonal"
        f" (expected calibration error): {fixed(calibration.expected_error)}; perfect predictions"
        f" would show about {fixed(calibration.noise)}."
    )
    drawn = plot(calibration_plot, calibration, label(name), size=(5.4, 4.6))
    return Chart(drawn.png(), words, caption)


def calibration_plot(axes: Any, calibration: Calibration, quantity: str) -> None:
    """Observed against predicted means of a quantity."""
    predicted, observed = calibration.predicted, calibration.observed
    errors = np.nan_to_num(2 * calibration.standard_error)
    low = min(0.0, 1.08 * predicted.min(), 1.08 * (observed - errors).min())
    top = 1.08 * max(predicted.max(), (observed + errors).max())
    diagonal = {"color": "grey", "linestyle": "--", "linewidth": 1}
    axes.plot([low, top], [low, top], label="perfect calibration", **diagonal)
    axes.errorbar(
        predicted, observed, errors, fmt="o", capsize=3, color="C0", label="± 2 standard errors"
    )
    axes.set_xlim(low, top)
    axes.set_ylim(low, top)
    axes.set_xlabel(f"predicted {quantity}")
    axes.set_ylabel("observed mean")
    axes.legend(frameon=False, loc="upper left")
