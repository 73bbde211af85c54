"""How far to trust a fitted simulator: five questions, each answered by a sentence and a verdict.

A simulator that predicts well may simulate badly, and one whose sessions look right may know
nothing of their order. So each question has a check of its own, beside a guess that is cheap.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from recsim_tf.core import random
from recsim_tf.core.base.validation import check_at_least, check_type
from recsim_tf.core.nests import as_json
from recsim_tf.core.simulator import Simulator
from recsim_tf.fitting.checks.choices import (
    Calibration,
    calibrate,
    choices_among,
    logged_clicks,
    mean_by_session,
    predict_choices,
)
from recsim_tf.fitting.checks.dependence import popularity
from recsim_tf.fitting.checks.predictive import LEAST_REPLICATES, PredictiveCheck, predictive_check
from recsim_tf.fitting.checks.resimulation import Resimulation
from recsim_tf.fitting.checks.responses import predict_responses
from recsim_tf.fitting.validation import verdicts
from recsim_tf.fitting.validation.baselines import Prediction, baselines
from recsim_tf.fitting.validation.discriminator import Discrimination, discriminate
from recsim_tf.fitting.validation.events import Events
from recsim_tf.fitting.validation.foretelling import Foretold, foretell, in_segment, nats
from recsim_tf.fitting.validation.order import Order, Refit, what_order_tells
from recsim_tf.logs.arguments import log_of
from recsim_tf.logs.cuts import continued
from recsim_tf.logs.log import Log, users_of
from recsim_tf.support.means import Mean
from recsim_tf.support.summaries import table_html
from recsim_tf.support.tables import frame

_LEAST_SESSIONS, _LEAST_CLICKS = 50, 20
_DISCRIMINATED = 3  # simulations


class Finding(NamedTuple):
    """A question, and its answer."""

    question: str
    verdict: str  # "trust", "with care", "do not trust" or "cannot tell"
    sentence: str

    def __str__(self) -> str:
        return f"{self.question} {self.verdict.capitalize()}. {self.sentence}"


class Validation(NamedTuple):
    """What was found; None for a question that was not asked, or that these sessions cannot
    answer.
    """

    predictions: dict[str, Prediction] | None  # "model", and the guesses; None without clicks
    impossible: int  # steps whose clicks have probability zero under the model
    calibrations: dict[str, Calibration]  # by field of responses, clicks first
    order: Order | None
    alike: PredictiveCheck
    discrimination: Discrimination | None
    foretold: Foretold | None
    is_held_out: bool  # whether the fit did not see the sessions
    users: tuple[int, int] | None  # those that are also in training, and all; None if not known
    num_sessions: int
    num_events: int  # documents that they were shown
    num_clicks: int

    @property
    def findings(self) -> list[Finding]:
        """The five questions with their answers."""
        return list(_findings(self))

    def figures(self) -> dict[str, Any]:
        """All figures and findings as JSON takes them, None for those that are not finite, without
        rows of the log.
        """
        content = self._asdict()
        content["alike"] = {
            name: {
                "observed": each.observed,
                "predicted": each.predicted,
                "interval": each.interval,
                "z_score": each.z_score,
                "p_value": each.p_value,
                "off_by": verdicts.off_by(each.observed, each.predicted),
            }
            for name, each in self.alike.statistics.items()
        }
        return as_json({**content, "findings": [each._asdict() for each in self.findings]})

    def to_frame(self) -> Any:
        """A DataFrame with a row for each question: the answer, and the number that decides most
        of it with its standard error, NaN where there is none.

        Raises:
          ImportError: if pandas is not installed.
        """
        rows = [
            {
                "question": finding.question,
                "verdict": finding.verdict,
                "what is measured": measure,
                "value": mean.value,
                "standard error": mean.standard_error,
                "sentence": finding.sentence,
            }
            for finding, (measure, mean) in zip(self.findings, self._measured(), strict=True)
        ]
        return frame(rows)

    def _measured(self) -> Iterator[tuple[str, Mean]]:
        """The number of each question."""
        nothing = Mean(np.nan, np.nan)
        gain = nothing if self.predictions is None else self.predictions["frequency"].gain
        yield "nats a document shown, beyond the rates of positions", gain
        yield "nats a step that the dynamics add", self.order.gain if self.order else nothing
        gaps = verdicts.gaps(self.alike)
        largest = Mean(max(gaps.values(), default=0.0), np.nan)
        yield "largest part that a statistic is off by, beyond chance", largest
        told = self.discrimination
        area = Mean(told.auc, told.standard_error) if told else nothing
        yield "area under the curve of a classifier", area
        yield (
            "clicks a document, logged less predicted",
            self.foretold.gap if self.foretold else nothing,
        )

    def __str__(self) -> str:
        return "\n".join(map(str, self.findings))

    def _repr_html_(self) -> str:
        rows = [finding._asdict() for finding in self.findings]
        return table_html("How far to trust it", rows, left=(0, 1, 2))


def validate(
    simulator: Any,
    train: Log,
    held_out: Log | None = None,
    *,
    given: Log | None = None,
    refit: Refit | None = None,
    static: Mapping[str, Any] | None = None,
    other: Log | None = None,
    hold_out_segment: Mapping[str, Any] | None = None,
    user_ids: tuple[Any, Any] | None = None,
    num_replicates: int = 20,
    batch_size: int = 1000,
    seed: int = 0,
) -> Validation:
    """Puts a fitted simulator to five questions.

    Does it predict the clicks of sessions that it did not see, beside guesses without a model? Does
    it know the order of what users did? Do its sessions look like logged ones? Can a classifier
    tell both apart? Does it foretell another policy, period or segment?

    Responses without clicks, such as ratings alone, have no answer to the first, second and last
    question; whether their means are calibrated is told all the same.

    Args:
      simulator: fitted to `train`: a `Simulator`, a `FitResult`, or what `load_model` gives.
      train: the sessions that the fit saw, from which guesses learn.
      held_out: others, of other users; None to ask of a half of `train`, while guesses learn from
        the other half. Only the last verdict may be "trust" then.
      given: earlier steps of the sessions held out, row by row, which are known and not predicted.
      refit: a function (log, fixed) -> simulator, which fits the models to a log with these values
        of parameters fixed. It goes with `static` or `hold_out_segment`.
      static: values of parameters at which the users' dynamics do nothing, as {"users.gain": 0.0};
        None leaves the second question out.
      other: a log of another policy, period or segment, for the last question.
      hold_out_segment: values of fields of the log's initial draws, as {"device": 1}, in the place
        of `other`: the models are fitted to `train` without such sessions, and foretell them.
      user_ids: of each session of `train` and of `held_out`, where they are known, to count the
        users who are in both.
      num_replicates: simulations of the sessions, at least 20.
      batch_size: sessions that are predicted or simulated at once.
      seed: of simulations, folds and orders.

    Raises:
      ValueError: for a number out of range, for arguments that do not go together, for a log that
        does not go with the models.
      ImportError: without scikit-learn.
    """
    simulator = getattr(simulator, "simulator", simulator)
    check_type("simulator", simulator, Simulator)
    train = log_of("train", train)
    others = {"held_out": held_out, "given": given, "other": other}
    held_out, given, other = (
        None if log is None else log_of(name, log) for name, log in others.items()
    )
    check_at_least(0, seed=seed)
    check_at_least(LEAST_REPLICATES, num_replicates=num_replicates)
    if (refit is None) != (static is None and hold_out_segment is None):
        raise ValueError("refit must be given for static or hold_out_segment, and only for them")
    if other is not None and hold_out_segment is not None:
        raise ValueError("other and hold_out_segment must not be given together")
    inside = None if hold_out_segment is None else in_segment(train, hold_out_segment)
    fitted, is_held_out = train, held_out is not None
    if held_out is None:
        is_small = train.num_sessions < _LEAST_SESSIONS
        train, held_out = (train, train) if is_small else train.split(0.5, seed)
    whole = held_out if given is None else given.followed_by(held_out)

    def clicks_of(log: Log) -> np.ndarray:
        """bool [S, T, K]: what was clicked; nothing where responses have no clicks."""
        if not predicted.clicks:
            return np.zeros(log.shown.shape, bool)
        return logged_clicks(predict_choices(simulator, log, batch_size, num_draws=1), log)

    def foretold(model: Simulator, log: Log) -> Foretold:
        choices = predict_choices(model, log, batch_size, seed=seed)
        probs = choices.probs[..., : log.slate_size]
        users = users_of([log.labels])
        return foretell(probs, logged_clicks(choices, log), _counted(log), users)

    predicted = predict_responses(simulator, held_out, batch_size, seed=seed, given=given)
    calibrations = calibrate(predicted, held_out)
    for name in predicted.clicks.keys() & calibrations.keys():
        calibrations = {"click probability": calibrations.pop(name)} | calibrations
    of_train = clicks_of(train)
    predictions, order, told, impossible, num_clicks = None, None, None, 0, 0
    if predicted.clicks:
        choices = choices_among(predicted, held_out.slate_size)
        clicked = logged_clicks(choices, held_out) & _counted(held_out)
        num_clicks = int(clicked.sum())
        impossible = int(np.sum(~np.isfinite(choices.log_prob) & held_out.active))
        events = Events.of(whole, clicked if given is None else clicks_of(whole))
        if given is not None:
            events = events.take(events.step >= given.length[events.session])
        guesses = baselines(Events.of(train, of_train), events, seed)
        probs = choices.probs[..., : held_out.slate_size]
        of_users = users_of([held_out.labels])
        predictions = _predictions(probs, guesses, clicked, _counted(held_out), of_users)
        if refit is not None and static is not None:
            order = what_order_tells(
                simulator, fitted, held_out, refit, static, seed, batch_size, given
            )
        if other is not None:
            told = foretold(simulator, other)
        elif refit is not None and inside is not None:
            told = foretold(refit(fitted.take(~inside), {}), fitted.take(inside))
    sessions = Resimulation(simulator, whole, batch_size)
    discrimination = None
    if whole.num_sessions >= _LEAST_SESSIONS:
        expected = popularity(train, of_train, _counted(train), continued(whole))
        seeds = random.split_seed(seed, _DISCRIMINATED)
        simulated = [sessions.simulated(own) for own in seeds]
        discrimination = discriminate(sessions.observed(seed), simulated, expected, seed)
    return Validation(
        predictions=predictions,
        impossible=impossible,
        calibrations=calibrations,
        order=order,
        alike=predictive_check(sessions, num_replicates, seed),
        discrimination=discrimination,
        foretold=told,
        is_held_out=is_held_out,
        users=None if user_ids is None else _users(*user_ids),
        num_sessions=held_out.num_sessions,
        num_events=int(_counted(held_out).sum()),
        num_clicks=num_clicks,
    )


def _counted(log: Log) -> np.ndarray:
    """bool [S, T, K]: the documents shown before the end of a session."""
    return log.shown & log.active[..., np.newaxis]


def _users(train: Any, held_out: Any) -> tuple[int, int]:
    """How many users who are held out are also in training, and how many are held out."""
    users = np.unique(held_out)
    return int(np.isin(users, train).sum()), len(users)


def _predictions(
    probs: np.ndarray,
    guesses: Mapping[str, np.ndarray],
    clicked: np.ndarray,
    counted: np.ndarray,
    users: Any,
) -> dict[str, Prediction]:
    """Of the model [S, T, K], and of guesses [M] of what counts; what was clicked, and what counts,
    are bool [S, T, K].
    """
    of_model = nats(probs, clicked)
    found = {"model": Prediction(mean_by_session(of_model, counted, users), Mean(0.0, 0.0))}
    for name, guess in guesses.items():
        of_guess = np.zeros(counted.shape)
        of_guess[counted] = nats(guess, clicked[counted])
        gain = mean_by_session(of_model - of_guess, counted, users)
        found[name] = Prediction(mean_by_session(of_guess, counted, users), gain)
    return found


def _findings(found: Validation) -> Iterator[Finding]:
    """The answers. Where there are too few sessions or clicks, "cannot tell" is in the place of
    each verdict; where the fit has seen the sessions, none about them is "trust".
    """
    has_clicks = found.predictions is not None
    is_small = found.num_sessions < _LEAST_SESSIONS
    is_small |= has_clicks and found.num_clicks < _LEAST_CLICKS
    answers = {
        "Does it predict?": verdicts.predicts(found.predictions, found.impossible),
        "Does it know order?": verdicts.knows_order(found.order, has_clicks),
        "Does it look alike?": verdicts.looks_alike(found.alike),
        "Can a machine tell it from real?": verdicts.is_told(found.discrimination),
        "Does it foretell what it did not see?": verdicts.foretells(found.foretold, has_clicks),
    }
    for number, (question, (verdict, sentence)) in enumerate(answers.items()):
        if number == 0 and found.users is not None:
            sentence += f" {found.users[0]:,} of {found.users[1]:,} users are also in training."
        if is_small:
            clicks = f" with {found.num_clicks:,} clicks" if has_clicks else ""
            verdict = verdicts.UNKNOWN
            sentence += f" {found.num_sessions:,} sessions{clicks} tell little."
        elif not found.is_held_out and verdict == verdicts.TRUST and number < 4:
            verdict, sentence = verdicts.CARE, f"{sentence} The fit has seen these sessions."
        yield Finding(question, verdict, sentence)
