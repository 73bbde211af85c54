# SPDX-License-Identifier: Apache-2.0
"""Findings on a log, each with its number, its power, and its effect on estimates."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from recsim_tf.core.base.ranges import shown
from recsim_tf.support.errors import instead
from recsim_tf.support.files import write_text
from recsim_tf.support.pages import Note, Part, Section, Table, page
from recsim_tf.support.summaries import table_html
from recsim_tf.support.tables import frame, number, text_table
from recsim_tf.support.verdicts import CANNOT_TELL, WITH_CARE

FAULT, SOUND = "fault", "no fault seen"
SCHEMA = 1
# What a finding harms: the log's sessions as a sample of those to come, weights, intervals.
SESSIONS, WEIGHTS, INTERVALS = "sessions", "weights", "intervals"
_HARMS = {
    SESSIONS: "every estimate from the log, and fits to it",
    WEIGHTS: "estimates with weights, such as snips, dr and calibrated checks",
    INTERVALS: "the intervals of every estimate, which are too narrow",
    "": "nothing",
}


class Finding(NamedTuple):
    """The result of a check of a log."""

    name: str
    question: str
    word: str  # "fault", "with care", "no fault seen" or "cannot tell"
    value: float | None  # the number that was found
    unit: str  # the meaning of the number
    sentence: str  # the result in words
    power: str = ""  # the fault that the check would see, in words
    harms: str = ""  # "sessions", "weights" or "intervals"
    advice: str = ""

    @property
    def accuses(self) -> bool:
        """True for a fault and for "with care"."""
        return self.word in (FAULT, WITH_CARE)


class Findings(dict[str, Finding]):
    """Findings by name, the faults first.

    Attributes:
      contents: what the log has, as lines by name.
      days: int64 [S], the day of each session where sessions of a day are not independent, so that
        intervals must be of days; else ().
    """

    contents: dict[str, str]
    days: Any

    @classmethod
    def of(cls, findings: Iterable[Finding], contents: dict[str, str], days: Any) -> "Findings":
        """The findings in the order of their words."""
        order = [FAULT, WITH_CARE, CANNOT_TELL, SOUND]
        ordered = sorted(findings, key=lambda finding: order.index(finding.word))
        result = cls((finding.name, finding) for finding in ordered)
        result.contents, result.days = contents, days
        return result

    def __missing__(self, name: Any) -> NoReturn:
        raise KeyError(f"there is no finding {shown(name)}: {instead(str(name), list(self))}")

    @property
    def faults(self) -> list[Finding]:
        """The findings that are faults."""
        return [finding for finding in self.values() if finding.word == FAULT]

    @property
    def cautions(self) -> list[Finding]:
        """The findings that ask for care."""
        return [finding for finding in self.values() if finding.word == WITH_CARE]

    def reasons(self, word: str, *harms: str) -> list[str]:
        """The sentences of the findings of a word that harm any of the given things."""
        return [
            each.sentence for each in self.values() if each.word == word and each.harms in harms
        ]

    @property
    def summary(self) -> str:
        """The result of the examination in a sentence."""
        if self.faults:
            names = ", ".join(finding.name for finding in self.faults)
            return f"The log has {len(self.faults)} of {len(self)} faults looked for: {names}."
        asked = [finding for finding in self.values() if finding.word != CANNOT_TELL]
        care = f", {len(self.cautions)} ask for care" if self.cautions else ""
        return (
            f"No fault is seen by {len(asked)} checks{care}; {len(self) - len(asked)} cannot tell."
        )

    def rows(self) -> list[dict[str, str]]:
        """A table with a row for each finding."""
        return [
            {
                "check": finding.name,
                "finding": finding.word,
                "number": number(finding.value),
                "of": finding.unit,
                "in words": " ".join(filter(None, [finding.sentence, finding.power])),
            }
            for finding in self.values()
        ]

    def to_frame(self) -> Any:
        """A DataFrame with a row for each finding. Raises an ImportError without pandas."""
        return frame([finding._asdict() for finding in self.values()])

    def figures(self) -> dict[str, Any]:
        """The content of a JSON file: the version of its schema, the contents and the findings."""
        return {
            "schema": SCHEMA,
            "summary": self.summary,
            "contents": self.contents,
            "findings": {name: finding._asdict() for name, finding in self.items()},
        }

    def __str__(self) -> str:
        rows = [{k: v for k, v in row.items() if k != "in words"} for row in self.rows()]
        lines = [f"{finding.name}: {_words(finding)}" for finding in self.values()]
        return "\n\n".join([text_table(rows, (0, 1, 3)), "\n".join(lines), self.summary])

    def _repr_html_(self) -> str:
        return table_html("Findings on the log", self.rows(), (0, 1, 3, 4))

    def table(self, findings: Iterable[Finding]) -> Part:
        """A table of findings for a page."""
        rows = [
            {
                "check": finding.question,
                "finding": finding.word,
                "number": [number(finding.value), Note(finding.unit)],
                "in words": [part for part in _parts(finding) if part],
            }
            for finding in findings
        ]
        return Table(rows) if rows else "None."

    def render(self, title: str = "What this log can tell") -> str:
        """The page of the findings as HTML."""
        accusing = [finding for finding in self.values() if finding.accuses]
        others = [finding for finding in self.values() if not finding.accuses]
        contents = [{"": name, "in the log": text} for name, text in self.contents.items()]
        sections = [
            Section("Faults and cautions", [self.table(accusing)]),
            Section("What was checked", [self.table(others)]),
            Section("What the log has", [Table(contents)]),
        ]
        return page(title, sections, [self.summary])

    def write_report(self, path: str | os.PathLike, title: str = "What this log can tell") -> None:
        """Writes the page of `render`. Raises an OSError if the file cannot be written."""
        write_text(Path(path), self.render(title))


def _words(finding: Finding) -> str:
    return " ".join(filter(None, [finding.sentence, finding.power, finding.advice]))


def _parts(finding: Finding) -> list[str]:
    """The lines of a cell on a finding."""
    harm = f"It harms {_HARMS[finding.harms]}." if finding.accuses and finding.harms else ""
    return [finding.sentence, Note(finding.power), harm, finding.advice]
