# SPDX-License-Identifier: Apache-2.0
"""Questions that are put to a fitted simulator, and their answers."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np

from recsim_tf.fitting.validation.context import Context
from recsim_tf.support.means import Mean
from recsim_tf.support.pages import Part
from recsim_tf.support.verdicts import CANNOT_TELL, Verdict

# Draws on axes of matplotlib.
Drawing: TypeAlias = Callable[[Any], None]

NO_CLICKS = Verdict(CANNOT_TELL, "These responses have no clicks.")


def _no_parts() -> Sequence[Part]:
    return ()


class Answer(NamedTuple):
    """The answer to a question."""

    verdict: Verdict  # its reason is a sentence for people, or several
    # a NamedTuple or a mapping that `nests.as_json` takes; None where nothing was computed
    figures: Any = None
    # what the number measures that decides most, and the number
    measured: tuple[str, Mean] = ("", Mean(np.nan, np.nan))
    # the parts of its section of a page; they are made, with matplotlib, when a page is written
    parts: Callable[[], Sequence[Part]] = _no_parts
    drawings: Sequence[Drawing] = ()  # its plots


class Question(Protocol):
    """A question to a fitted simulator."""

    name: str  # of the answer in a `Validation`
    title: str  # the question in words
    needs_held_out: bool  # whether sessions that the fit has seen cannot make it believable

    def ask(self, context: Context) -> Answer:
        """The answer, from what all questions share."""
