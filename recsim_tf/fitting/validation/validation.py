# SPDX-License-Identifier: Apache-2.0
"""Validation of a fitted simulator: questions, each answered by a verdict and sentences.

A simulator that predicts well may simulate badly, and one whose sessions look right may know
nothing of their order. So each question has a file of its own, with its figures and its part of the
page.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any

from recsim_tf.core.base.arguments import AtLeast, WholeNumber, checked
from recsim_tf.core.base.ranges import shown
from recsim_tf.core.base.types import Policy
from recsim_tf.core.nests import as_json
from recsim_tf.fitting.validation.chosen import Chosen
from recsim_tf.fitting.validation.classifier import Classified
from recsim_tf.fitting.validation.context import Context, Refit
from recsim_tf.fitting.validation.generalises import Generalises
from recsim_tf.fitting.validation.offers import Offers
from recsim_tf.fitting.validation.order import KnowsOrder
from recsim_tf.fitting.validation.predicts import Predicts
from recsim_tf.fitting.validation.question import Answer, Question
from recsim_tf.fitting.validation.reproduces import Reproduces
from recsim_tf.fitting.validation.statistics import LEAST_REPLICATES
from recsim_tf.logs.arguments import log_of, simulator_of
from recsim_tf.logs.log import Log
from recsim_tf.support.summaries import table_html
from recsim_tf.support.tables import frame, share
from recsim_tf.support.verdicts import BELIEVABLE, CANNOT_TELL, WITH_CARE, Verdict

QUESTIONS: tuple[Question, ...] = (
    *(Predicts(), KnowsOrder(), Reproduces(), Classified(), Offers(), Generalises(), Chosen()),
)


class Validation(Mapping[str, Answer]):
    """The answers by the names of the questions: "predicts", "order", "reproduces", "classifier",
    "offers", "generalises" and "chosen".

    Attributes:
      titles: the questions in words, by name.
      is_held_out: whether the fit did not see the sessions.
      num_sessions: those that the questions were asked of.
      num_events: documents that they were shown.
      num_clicks: documents that were clicked; None where responses have no clicks.
    """

    def __init__(
        self,
        answers: Mapping[str, Answer],
        titles: Mapping[str, str],
        is_held_out: bool,
        num_sessions: int,
        num_events: int,
        num_clicks: int | None,
    ):
        self._answers, self.titles, self.is_held_out = dict(answers), dict(titles), is_held_out
        self.num_sessions, self.num_events = num_sessions, num_events
        self.num_clicks = num_clicks

    def __getitem__(self, name: str) -> Answer:
        return self._answers[name]

    def __iter__(self):
        return iter(self._answers)

    def __len__(self) -> int:
        return len(self._answers)

    @property
    def findings(self) -> list[dict[str, str]]:
        """The questions with their answers: "question", "verdict" and "sentence"."""
        return [
            {
                "question": self.titles[name],
                "verdict": answer.verdict.word,
                "sentence": answer.verdict.reason,
            }
            for name, answer in self.items()
        ]

    def figures(self) -> dict[str, Any]:
        """All figures and findings as JSON takes them, None for those that are not finite, without
        rows of the log.
        """
        content = {
            "is_held_out": self.is_held_out,
            "num_sessions": self.num_sessions,
            "num_events": self.num_events,
            "num_clicks": self.num_clicks,
            **{name: answer.figures for name, answer in self.items()},
            "findings": self.findings,
        }
        return as_json(content)

    def to_frame(self) -> Any:
        """A DataFrame with a row for each question: the answer, and the number that decides most
        of it with its standard error, NaN where there is none.

        Raises:
          ImportError: if pandas is not installed.
        """
        rows = []
        for finding, answer in zip(self.findings, self.values(), strict=True):
            measure, mean = answer.measured
            rows.append(
                {
                    "question": finding["question"],
                    "verdict": finding["verdict"],
                    "what is measured": measure,
                    "value": mean.value,
                    "standard error": mean.standard_error,
                    "sentence": finding["sentence"],
                }
            )
        return frame(rows)

    def __str__(self) -> str:
        return "\n".join(
            f"{each['question']} {each['verdict'].capitalize()}. {each['sentence']}"
            for each in self.findings
        )

    def _repr_html_(self) -> str:
        return table_html("How far to trust it", self.findings, left=(0, 1, 2))


@checked
def validate(
    model: Any,
    train: Log,
    held_out: Log | None = None,
    *,
    questions: Sequence[Question] = QUESTIONS,
    given: Log | None = None,
    refit: Refit | None = None,
    static: Mapping[str, Any] | None = None,
    times: Collection[str] = (),
    other: Log | None = None,
    hold_out_segment: Mapping[str, Any] | None = None,
    policies: Mapping[str, Policy] | None = None,
    logging: Policy | None = None,
    num_replicates: Annotated[int, AtLeast(LEAST_REPLICATES)] = 100,
    batch_size: int = 1000,
    seed: WholeNumber = 0,
) -> Validation:
    """Puts a fitted simulator to seven questions.

    Does it predict the clicks of sessions that it did not see, beside guesses without a model? Does
    it know the order of what users did? Do its sessions look like logged ones? Can a classifier
    tell both apart? Does it offer the documents of the log? Does it generalise to another policy,
    period or segment? Is a policy that is chosen by it better?

    Responses without clicks, such as ratings alone, have no answer to the first, second and sixth
    question; whether their means are calibrated is told all the same.

    Args:
      model: a model that was fitted to `train`: a `Simulator`, a `FitResult`, or the result of
        `load_model`.
      train: the sessions that the fit saw, from which guesses learn.
      held_out: sessions of other users, none of which is in `train`; None to ask of a half of
        `train`, while guesses learn from the other half. Then, and where users or sessions are also
        in training, only the sixth answer may be "believable".
      questions: those to ask, each with `name`, `title`, `needs_held_out` and `ask(context)`.
      given: earlier steps of the sessions held out, row by row, which are known and not predicted.
      refit: a function (log, fixed) -> simulator, which fits the models to a log with these values
        of parameters fixed. `static` and `hold_out_segment` need it.
      static: values of parameters at which the users' dynamics do nothing, as {"users.gain": 0.0};
        None leaves the second question out.
      times: names of hidden attributes that are times, which stay in place where the second
        question shuffles steps.
      other: a log of another policy, period or segment, for the sixth question.
      hold_out_segment: values of fields of the log's initial draws, as {"device": 1}, in the place
        of `other`: the models are fitted to `train` without such sessions, and predict them.
      policies: at least three policies by name, which the last question ranks; None leaves it out.
        Their values on the log need its propensities, or `logging`, and `StochasticPolicy`s;
        without them they need `refit`.
      logging: the policy that showed the log's slates, or None. With it whole sessions are
        simulated for the third and fourth question; else each step is simulated given the logged
        steps before it, since slates of a system that reacts follow what logged users did.
      num_replicates: simulations of the sessions for the third question, at least 20.
      batch_size: sessions that are predicted or simulated at once.
      seed: the seed of simulations, folds and orders.

    Raises:
      ValueError: for a number out of range, for arguments that do not go together, for a log that
        does not go with the models.
      ImportError: without scikit-learn.
    """
    simulator = simulator_of(model)
    train = log_of("train", train)
    held_out, given, other = (
        None if log is None else log_of(name, log)
        for name, log in (("held_out", held_out), ("given", given), ("other", other))
    )
    if isinstance(questions, str) or not all(hasattr(each, "ask") for each in questions):
        raise ValueError(f"questions must be some of QUESTIONS, got {shown(questions)}")
    if refit is None and not (static is None and hold_out_segment is None):
        raise ValueError("refit must be given for static or hold_out_segment, got None")
    if given is not None and held_out is None:
        raise ValueError("held_out must be given with given, got None")
    if other is not None and hold_out_segment is not None:
        raise ValueError("other and hold_out_segment must not be given together")
    context = Context(
        simulator,
        train,
        held_out,
        given=given,
        refit=refit,
        static=static,
        other=other,
        segment=hold_out_segment,
        times=times,
        policies=policies or {},
        logging=logging,
        num_replicates=num_replicates,
        batch_size=batch_size,
        seed=seed,
    )
    num_known, number = context.known_sessions
    if num_known == number:
        raise ValueError(
            "held_out must be other sessions than train, or None, got sessions of train alone"
        )
    answers = {each.name: _tempered(each, each.ask(context), context) for each in questions}
    return Validation(
        answers,
        {each.name: each.title for each in questions},
        context.is_held_out,
        context.held_out.num_sessions,
        int(context.counted.sum()),
        int(context.clicked.sum()) if context.has_clicks else None,
    )


def _tempered(question: Question, answer: Answer, context: Context) -> Answer:
    """The answer as far as the sessions bear it: "cannot tell" where there are too few sessions or
    clicks, and not "believable" where the fit knows the sessions or their users.
    """
    word, sentence = answer.verdict
    if context.is_small:
        clicks = f" with {context.clicked.sum():,} clicks" if context.has_clicks else ""
        few = f"{context.whole.num_sessions:,} sessions{clicks} tell little."
        return answer._replace(verdict=Verdict(CANNOT_TELL, f"{sentence} {few}"))
    if word != BELIEVABLE or not question.needs_held_out:
        return answer
    if not context.is_held_out:
        return answer._replace(
            verdict=Verdict(WITH_CARE, f"{sentence} The fit has seen these sessions.")
        )
    if context.known_sessions[0]:
        number = "{:,} of {:,} sessions".format(*context.known_sessions)
        return answer._replace(
            verdict=Verdict(WITH_CARE, f"{sentence} {number} are also in training.")
        )
    if context.share_learned:
        why = f"The model was fitted to {share(context.share_learned)} of these sessions too."
        return answer._replace(verdict=Verdict(WITH_CARE, f"{sentence} {why}"))
    if context.known_users is not None and context.known_users[0]:
        number = f"{context.known_users[0]:,} of {context.known_users[1]:,} users"
        why = f"{number} are also in training, and the fit may know them by heart."
        return answer._replace(verdict=Verdict(WITH_CARE, f"{sentence} {why}"))
    return answer
