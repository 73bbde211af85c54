# SPDX-License-Identifier: Apache-2.0
"""Tests whether positions work as a click model says, by the clicks of a log."""

from typing import Any, NamedTuple

import numpy as np

from recsim_tf.ope.click_probabilities import ClickProbabilities
from recsim_tf.ope.diagnostics import FEWEST
from recsim_tf.support.means import Mean

_FALSE_ALARM = 0.05  # probability that any test rejects a right click model
# Residuals of documents that were expected to be clicked so rarely say nothing of their own level.
_LEAST_REST = 0.1
_BELOW_CLICK = "documents below a click"
_ROUNDING = 1e-5  # of click probabilities, which are mostly float32


class ClickTest(NamedTuple):
    """A test of a direction in which clicks may differ from a click model.

    The clicks on a document are l c (1 + b h) in the mean: c is the click model's probability, l
    the level of the document, h the direction, and b the slope, which is 0 if positions work as
    the model says.
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

    Levels of documents are taken from the log, so a click model passes although its attraction of
    documents is wrong. Residuals are compared within documents that stand at several places:
    between positions, below clicks, below documents that should be clicked, and where the policy
    shows the documents more or less prominently. So a log whose documents keep their places tests
    nothing. In cascades examination depends on the attraction of the documents above, so there a
    wrong attraction does not cancel, and may be found. Errors are those of independent users, or
    sessions.

    Args:
      probabilities: probabilities of S sessions.
      documents: int [S, T, K], the documents; -1 for those that do not count.
      users: int [S], the user of each session; () where no user has several sessions.
    """
    clicked = probabilities.clicked
    session = np.broadcast_to(np.arange(len(clicked))[:, np.newaxis, np.newaxis], clicked.shape)
    group = session if isinstance(users, tuple) else np.asarray(users)[session]
    positions, size = np.arange(clicked.shape[2]), clicked.shape[2]
    directions = {
        f"documents at position {position}": np.broadcast_to(positions == position, clicked.shape)
        for position in (positions if size > 1 else ())
    }
    if size > 1:
        directions[_BELOW_CLICK] = _sums_above(clicked) > 0
        directions["documents below each expected click"] = _sums_above(probabilities.logged)
        excess = _excess(probabilities, documents, group)
        directions["documents below each click beyond the model"] = _sums_above(
            excess * probabilities.logged
        )
    directions["documents whose clicks the policy would double"] = probabilities.ratio
    _, bound = Mean(0.0, 1.0).interval(1 - _FALSE_ALARM / len(directions))
    counted = documents >= 0
    _, document = np.unique(documents[counted], return_inverse=True)
    tests = []
    for described, direction in directions.items():
        # Weights are ratios of probabilities that are not given the clicks above.
        of_model = probabilities.conditional if described == _BELOW_CLICK else probabilities.logged
        each = direction.astype(np.float64), clicked, of_model, group
        values = [leaf[counted] for leaf in each]
        tests.append(ClickTest(described, *_slope(document, *values), bound))
    return tests


def shift_by_attraction(
    probabilities: ClickProbabilities, documents: np.ndarray, users: Any = ()
) -> float:
    """The relative error of the mean weighted click where the attraction of documents is wrong.

    It is an approximation: the logarithm of a click probability is taken to be linear in the
    expected clicks above, with the slope that the model has in the log. The slope is 0 in the
    position-based model, where attraction cancels. The arguments are those of `click_tests`.
    """
    now = probabilities
    session = np.broadcast_to(
        np.arange(len(now.clicked))[:, np.newaxis, np.newaxis], now.clicked.shape
    )
    group = session if isinstance(users, tuple) else np.asarray(users)[session]
    excess, above = _excess(now, documents, group), _sums_above(now.logged)
    counted = (documents >= 0) & (now.logged > 0)
    cell = documents * documents.shape[2] + np.arange(documents.shape[2])
    weights, expected = now.logged[counted], above[counted]
    _, cell = np.unique(cell[counted], return_inverse=True)
    total = np.bincount(cell, weights)
    centered = expected - (np.bincount(cell, weights * expected) / total)[cell]
    information = float((weights * centered**2).sum())
    weighted = now.ratio * now.clicked
    if information <= _ROUNDING * weights.sum() or not weighted.any():
        return 0.0
    slope = float((weights * centered * np.log(weights)).sum()) / information
    on_logged = weighted * _sums_above(excess * now.logged)
    return slope * float(((now.above * excess).sum() - on_logged.sum()) / weighted.sum())


def _sums_above(values: np.ndarray) -> np.ndarray:
    """The sums of values [S, T, K] over the positions above each one."""
    return np.cumsum(values, axis=2) - values


def _excess(
    probabilities: ClickProbabilities, documents: np.ndarray, group: np.ndarray
) -> np.ndarray:
    """The relative excess of clicks on each document beyond the click model, [S, T, K]. It comes
    from the users of the other half of the log, so that it is independent of the own clicks.
    """
    number = documents.max(initial=0) + 1
    cell = np.where(documents >= 0, documents, 0) + number * (group % 2)
    totals = [
        np.bincount(cell.ravel(), (leaf * (documents >= 0)).ravel(), minlength=2 * number)
        for leaf in (probabilities.clicked, probabilities.logged)
    ]
    clicks, expected = totals
    excess = np.divide(clicks - expected, expected, out=np.zeros_like(clicks), where=expected > 0)
    return excess.reshape(2, number)[::-1].reshape(-1)[cell]


def _slope(
    document: np.ndarray,
    direction: np.ndarray,
    clicked: np.ndarray,
    expected: np.ndarray,
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
    centered[np.abs(centered) <= _ROUNDING * np.abs(direction).max(initial=0)] = 0
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
