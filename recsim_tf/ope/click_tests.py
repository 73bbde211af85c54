"""Tests whether positions work as a click model says, by the clicks of a log."""

from typing import Any, NamedTuple

import numpy as np

from recsim_tf.ope.click_probabilities import ClickProbabilities
from recsim_tf.ope.diagnostics import FEWEST
from recsim_tf.support.means import Mean

_FALSE_ALARM = 0.05  # probability that any test rejects a right click model
# Residuals of documents that were expected to be clicked so rarely say nothing of their own level.
_LEAST_REST = 0.1


class ClickTest(NamedTuple):
    """A test of a direction in which clicks may differ from a click model.

    The clicks on a document are l c (1 + b h) in the mean: c is the click model's probability given
    the clicks above, l the level of the document, h the direction, and b the slope, which is 0 if
    positions work as the model says.
    """

    described: str  # the documents and users that the direction is about, in words
    slope: float  # relative excess of clicks for a unit of the direction
    error: float  # standard error of the slope
    z_score: float  # NaN where too few sessions count
    bound: float  # of the absolute value of the z-score, for a false alarm in 5 % of logs

    @property
    def contradiction(self) -> str:
        """The evidence against the click model in words; "" for none."""
        if not abs(self.z_score) > self.bound:
            return ""
        # A slope of a linear approximation may be below -1.
        excess = max(self.slope, -1.0)
        return (
            "the log contradicts how positions work in the click model: clicks on"
            f" {self.described} differ by {excess:+.0%}, {abs(self.z_score):.1f} standard errors"
        )


def click_tests(
    probabilities: ClickProbabilities, documents: np.ndarray, users: Any = ()
) -> list[ClickTest]:
    """Tests of a click model. The last one has the weights of the policy as its direction.

    Levels of documents are taken from the log, so a click model whose attraction of documents is
    wrong passes. Residuals are compared within documents that stand at several places: between
    positions, below clicks, below documents that should be clicked, and where the policy shows the
    documents more or less prominently. So a log whose documents keep their places tests nothing.
    Errors are those of independent users, or sessions.

    Args:
      probabilities: probabilities of S sessions.
      documents: int [S, T, K], the documents; -1 for those that do not count.
      users: int [S], the user of each session; () where no user has several sessions.
    """
    clicked, expected = probabilities.clicked, probabilities.conditional
    size = clicked.shape[2]
    above = np.cumsum(clicked, axis=2) - clicked
    expected_above = np.cumsum(probabilities.logged, axis=2) - probabilities.logged
    positions = np.arange(size)
    directions = {
        f"documents at position {position}": np.broadcast_to(positions == position, clicked.shape)
        for position in (range(size) if size > 1 else ())
    }
    if size > 1:
        directions["documents below a click"] = above > 0
        directions["documents below each expected click"] = expected_above
    directions["documents whose clicks the policy would double"] = probabilities.ratio
    _, bound = Mean(0.0, 1.0).interval(1 - _FALSE_ALARM / len(directions))
    session = np.broadcast_to(np.arange(len(clicked))[:, None, None], clicked.shape)
    counted = documents >= 0
    _, document = np.unique(documents[counted], return_inverse=True)
    group = (session if isinstance(users, tuple) else np.asarray(users)[session])[counted]
    counts = clicked[counted], expected[counted], document, group
    return [
        ClickTest(described, *_slope(direction[counted].astype(np.float64), *counts), bound)
        for described, direction in directions.items()
    ]


def _slope(
    direction: np.ndarray,
    clicked: np.ndarray,
    expected: np.ndarray,
    document: np.ndarray,
    group: np.ndarray,
) -> tuple[float, float, float]:
    """Slope, standard error and z-score of a direction, arrays [M]. The levels of documents are
    estimated, and projected out.
    """

    def sums(values: np.ndarray) -> np.ndarray:
        return np.bincount(document, values)

    total = np.maximum(sums(expected), np.finfo(np.float64).tiny)
    level = sums(clicked) / total
    centered = direction - (sums(expected * direction) / total)[document]
    information = float((level[document] * expected * centered**2).sum())
    residual = clicked - level[document] * expected
    score = residual * centered
    # Residuals from an estimated level are too small by the share of a click in that estimate.
    rest = np.maximum(1 - expected / total[document], _LEAST_REST)
    by_group = np.bincount(group, score / np.sqrt(rest))
    squares = float((by_group**2).sum())
    if not squares or np.abs(by_group).sum() ** 2 / squares < FEWEST:
        return np.nan, np.inf, np.nan
    error = np.sqrt(squares)
    z_score = float(score.sum() / error)
    if not information:
        return float(np.copysign(np.inf, z_score)), np.inf, z_score
    return float(score.sum() / information), float(error / information), z_score
