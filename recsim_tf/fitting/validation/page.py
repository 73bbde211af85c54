"""The page of a validation: a table of the answers, and a section for each question."""

from typing import Any

from recsim_tf.fitting.validation.validation import Validation
from recsim_tf.support.pages import Marked, Part, Section, Table, page
from recsim_tf.support.verdicts import NOT_BELIEVABLE


def render(found: Validation, title: str) -> str:
    """The page as HTML. Raises an ImportError if matplotlib is not installed."""
    return page(title, sections(found))


def _answers(found: Validation) -> list[Part]:
    """Of which sessions it is asked, and the answers."""
    which = "that the fit did not see" if found.is_held_out else "that the fit has seen"
    clicks = "" if found.num_clicks is None else f" and {found.num_clicks:,} clicks"
    return [
        f"{found.num_sessions:,} sessions {which}, with {found.num_events:,} documents shown"
        f"{clicks}.",
        Table([_row(each) for each in found.findings]),
    ]


def _row(finding: dict[str, str]) -> dict[str, Any]:
    """The row of a question."""
    word = finding["verdict"]
    verdict = Marked(word) if word == NOT_BELIEVABLE else word
    return {"question": finding["question"], "answer": [verdict], "why": [finding["sentence"]]}


def sections(found: Validation) -> list[Section]:
    """A section of all answers, and one for each question."""
    return [
        Section("How far to trust it", _answers(found)),
        *_questions(found),
    ]


def _questions(found: Validation) -> list[Section]:
    return [
        Section(
            finding["question"],
            [f"{finding['verdict'].capitalize()}. {finding['sentence']}", *answer.parts()],
        )
        for finding, answer in zip(found.findings, found.values(), strict=True)
    ]
