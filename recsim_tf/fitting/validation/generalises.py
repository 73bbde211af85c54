# SPDX-License-Identifier: Apache-2.0
"""Does it generalise to sessions it was not fitted to? A log of another policy, period or segment
than those to which a model was fitted.
"""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow_probability as tfp

from recsim_tf.core.nests import fields_of
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.predictions.choices import (
    Calibration,
    calibrate,
    choices_among,
    logged_clicks,
    mean_by_session,
)
from recsim_tf.fitting.predictions.responses import predict_responses
from recsim_tf.fitting.validation.context import Context
from recsim_tf.fitting.validation.events import Events
from recsim_tf.fitting.validation.guesses import guesses, nats
from recsim_tf.fitting.validation.predicts import (
    NEAR,
    calibration_plot,
    chart_of_calibration,
    scored,
)
from recsim_tf.fitting.validation.question import NO_CLICKS, Answer
from recsim_tf.logs.log import Log, users_of
from recsim_tf.support.means import Mean
from recsim_tf.support.pages import Note, Part, Table
from recsim_tf.support.tables import fixed, signed
from recsim_tf.support.verdicts import (
    BELIEVABLE,
    CANNOT_TELL,
    NOT_BELIEVABLE,
    WITH_CARE,
    Verdict,
)

_FIRST = 200  # events of the other log
_FAR = 0.10  # part of the logged rate
_FALSE_ALARM = 0.01
_FAR_Z = 2.576  # of a normal, at that rate of false alarms


class Generalised(NamedTuple):
    """A model's click probabilities on another log."""

    predicted: float  # the click rate of a document shown
    logged: Mean  # the same of the log, with its error between sessions
    gap: Mean  # logged less predicted
    # nats a document shown, beyond the rate of the first 200 events of that log
    gain: Mean
    # the same, beyond guesses that learned from the sessions that the fit saw, by name
    gains: dict[str, Mean]
    calibration: Calibration

    @property
    def z_score(self) -> float:
        """The gap in its standard errors; NaN where these are zero."""
        return self.gap.value / (self.gap.standard_error or float("nan"))

    @property
    def bins_p_value(self) -> float:
        """The probability that a calibrated model is so far off in its bins of predictions, by the
        chi-squared distribution.
        """
        bins = self.calibration
        is_measured = bins.standard_error > 0
        gaps = (bins.observed - bins.predicted)[is_measured] / bins.standard_error[is_measured]
        if not len(gaps):
            return 1.0
        chi_squared = tfp.distributions.Chi2(np.float64(len(gaps)))
        return float(chi_squared.survival_function((gaps**2).sum()))


class Generalises:
    """The question whether a simulator generalises to sessions it was not fitted to."""

    name, title, needs_held_out = (
        "generalises",
        "Does it generalise to sessions it was not fitted to?",
        False,
    )

    def ask(self, context: Context) -> Answer:
        """Predicts the clicks of another log, or of a segment that a second fit has not seen."""
        if not context.has_clicks:
            return Answer(NO_CLICKS)
        if context.other is not None:
            generalised = predict(
                context.simulator, context.training_events, context.other, context
            )
        elif context.refit is not None and context.segment is not None:
            inside = _in_segment(context.fitted, context.segment)
            train = context.fitted.take(~inside)
            simulator = context.refit(train, {})
            events = Events.of(train, context.clicks_of(train))
            generalised = predict(simulator, events, context.fitted.take(inside), context)
        else:
            reason = "Not asked: it takes a log of another policy, period or segment (other)."
            return Answer(Verdict(CANNOT_TELL, reason))
        quantity = "click probability"
        return Answer(
            verdict(generalised),
            generalised,
            ("clicks a document, logged less predicted", generalised.gap),
            lambda: _parts(generalised),
            [
                functools.partial(
                    calibration_plot, calibration=generalised.calibration, quantity=quantity
                )
            ],
        )


def predict(simulator: Simulator, train: Events, other: Log, context: Context) -> Generalised:
    """The clicks of a log as a simulator predicts them, beside guesses that learn from the events
    of another one, `train`.
    """
    responses = predict_responses(simulator, other, context.batch_size, seed=context.seed)
    choices = choices_among(responses, other.slate_size)
    probs = choices.probs[..., : other.slate_size].astype(np.float64)
    clicked, counted = logged_clicks(choices, other), other.counted
    users = users_of([other.labels])
    of_model = nats(probs, clicked)
    of_guesses = guesses(train, Events.of(other, clicked), context.seed)
    scores = scored(of_model, of_guesses, clicked, counted, users)
    first = clicked[counted][:_FIRST]
    rate = (first.sum() + 0.5) / (len(first) + 1)
    (name,) = list(responses.clicks)[:1]
    return Generalised(
        predicted=float(probs[counted].mean()),
        logged=mean_by_session(clicked.astype(np.float64), counted, users),
        gap=mean_by_session(clicked - probs, counted, users),
        gain=mean_by_session(of_model - nats(rate, clicked), counted, users),
        gains={name: scores[name].gain for name in of_guesses},
        calibration=calibrate(responses, other)[name],
    )


def verdict(generalised: Generalised) -> Verdict:
    """The answer."""
    logged, gap = generalised.logged, generalised.gap
    off_by = abs(gap.value) / logged.value if logged.value else np.inf
    bins = generalised.calibration
    off_in_bins = (bins.expected_error - bins.noise) / logged.value if logged.value else np.inf
    name, best = min(generalised.gains.items(), key=lambda each: each[1].value)
    guess = f"than a guess that learned from the same sessions ({name})"
    is_off = abs(generalised.z_score) > 2
    if not 0 < 2 * gap.standard_error <= _FAR * logged.value:
        word = CANNOT_TELL
        meaning = "The other log is too small to tell, or its clicks do not vary."
    elif is_off and off_by > _FAR:
        word, meaning = NOT_BELIEVABLE, f"Its click rate is {off_by:.1%} off there."
    elif generalised.bins_p_value < _FALSE_ALARM and off_in_bins > _FAR:
        word = NOT_BELIEVABLE
        meaning = (
            "The rate as a whole is right there, but what it takes for liked is not: probabilities"
            f" are {100 * bins.expected_error:.2f} percentage points off on average."
        )
    elif generalised.gain.value < -2 * generalised.gain.standard_error:
        word = WITH_CARE
        meaning = "It predicts worse than the rate of the first events there."
    elif best.value < -2 * best.standard_error and -best.value > NEAR * abs(_nats(generalised)):
        word, meaning = WITH_CARE, f"It predicts worse {guess}."
    elif abs(generalised.z_score) > _FAR_Z:
        word, meaning = WITH_CARE, f"Its click rate is off there, but only by {off_by:.1%}."
    else:
        word, meaning = BELIEVABLE, "It predicts the clicks there."
    return Verdict(
        word,
        f"{meaning} Predicted {generalised.predicted:.3%} clicks a document, logged"
        f" {logged.in_words('.3%')} (z {generalised.z_score:+.1f});"
        f" {generalised.gain.in_words()} nats beyond the rate of the first events there,"
        f" {best.in_words()} beyond the best guess, {name}.",
    )


def _nats(generalised: Generalised) -> float:
    """The nats of a document shown under the click rate of the log, as a scale."""
    rate = generalised.logged.value
    return float(rate * np.log(rate) + (1 - rate) * np.log1p(-rate))


def _parts(generalised: Generalised) -> list[Part]:
    rows = [
        {
            "predicted clicks a document": f"{generalised.predicted:.3%}",
            "logged": f"{generalised.logged.value:.3%}",
            "± standard error": f"{generalised.logged.standard_error:.3%}",
            "z": signed(generalised.z_score, 1),
            "nats beyond the rate of the first 200 events there": signed(generalised.gain.value),
            "p of the bins": fixed(generalised.bins_p_value, 3),
        }
    ]
    guesses_rows = [
        {
            "": name,
            "gain of the model, nats a document shown": signed(gain.value),
            "± standard error": fixed(gain.standard_error),
        }
        for name, gain in generalised.gains.items()
    ]
    note = (
        "The guesses learned from the sessions that the fit saw, as under the first question. The"
        " mean rate may be right where single predictions are not, so the bins of the chart are"
        " tested together (chi-squared)."
    )
    chart = chart_of_calibration("click probability of the other log", generalised.calibration)
    return [Table(rows), Table(guesses_rows), chart, Note(note)]


def _in_segment(log: Log, segment: Mapping[str, Any]) -> np.ndarray:
    """The sessions whose initial draws have these values in these fields, bool [S].

    Raises:
      ValueError: for a field that the log lacks, and a segment of all sessions or none.
    """
    initial = log.initial if isinstance(log.initial, Mapping) else fields_of(log.initial)
    fields = {name: leaf for name, leaf in initial.items() if np.shape(leaf) == (log.num_sessions,)}
    inside = np.ones(log.num_sessions, bool)
    for name, value in segment.items():
        if name not in fields:
            raise ValueError(
                "hold_out_segment must name fields of the log's initial draws that are one number a"
                f" session, {', '.join(fields) or 'of which it has none'}, got {name}"
            )
        inside &= np.asarray(fields[name]) == value
    if inside.all() or not inside.any():
        raise ValueError(
            f"hold_out_segment must be a part of the {log.num_sessions:,} sessions, got"
            f" {segment!r} of {inside.sum():,}"
        )
    return inside
