# SPDX-License-Identifier: Apache-2.0
"""The part of a page on a validation: a table of the answers, and a section for each question."""

from typing import Any

from recsim_tf.fitting.validation.validation import Validation
from recsim_tf.support.pages import Marked, Part, Section, Table
from recsim_tf.support.verdicts import NOT_BELIEVABLE


def _answers(validation: Validation) -> list[Part]:
    """The sessions of the questions, and the answers."""
    which = "that the fit did not see" if validation.is_held_out else "that the fit has seen"
    clicks = "" if validation.num_clicks is None else f" and {validation.num_clicks:,} clicks"
    return [
        f"{validation.num_sessions:,} sessions {which}, with {validation.num_events:,} documents"
        f" shown{clicks}.",
        Table([_row(each) for each in validation.findings]),
    ]


def _row(finding: dict[str, str]) -> dict[str, Any]:
    """The row of a question."""
    word = finding["verdict"]
    verdict = Marked(word) if word == NOT_BELIEVABLE else word
    return {"question": finding["question"], "answer": [verdict], "why": [finding["sentence"]]}


def sections(validation: Validation) -> list[Section]:
    """A section of all answers, and one for each question. Raises an ImportError if matplotlib is
    not installed.
    """
    questions = [
        Section(
            finding["question"],
            [f"{finding['verdict'].capitalize()}. {finding['sentence']}", *answer.parts()],
        )
        for finding, answer in zip(validation.findings, validation.values(), strict=True)
    ]
    return [Section("How far to trust it", _answers(validation)), *questions]
