# SPDX-License-Identifier: Apache-2.0
"""Click models whose users examine a document by its position, and by the last click above it."""

from typing import Any

import tensorflow as tf

from recsim_tf.choice.cascade import product_above
from recsim_tf.choice.clicks import LARGEST_EXPONENT, ClickDistribution, ClickModel
from recsim_tf.core import random
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import configurable
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.types import Seed
from recsim_tf.core.random.paired import Shape


class BrowsingDistribution(ClickDistribution):
    """A distribution over the clicks on a slate, float [..., K] of 0 and 1. The probability of a
    click is the probability of examination times the probability of attraction.

    Args:
      scores: float [..., K], logits of a click on a document that is examined.
      examination: [..., K, 1], probabilities of examining each position; or [..., K, K], where
        column 0 holds if nothing above is clicked, and column l if the last click above was on
        position l - 1. It broadcasts against `scores` with one more axis.
      mask: bool [..., K], False at empty positions; None if no position is empty.
    """

    def __init__(self, scores: tf.Tensor, examination: tf.Tensor, mask: tf.Tensor | None = None):
        parameters = dict(locals())
        self._examination = examination
        super().__init__(scores, mask, parameters)

    def conditional(self, value: tf.Tensor):
        clicked = tf.cast(value, self._scores.dtype)
        is_click = clicked == 1
        examined = self._examined(is_click)
        possible = (clicked == 0) | (is_click & self._mask & (examined > 0))
        click = tf.math.log(tf.where(examined > 0, examined, 1)) + tf.math.log_sigmoid(self._scores)
        no_click = tf.where(self._mask, _log_no_click(examined, self._scores), 0)
        return tf.where(possible, tf.where(is_click, click, no_click), -float("inf"))

    def _examined(self, clicked: tf.Tensor):
        """Probabilities [..., K] of examining each position, given the clicks above it."""
        if self._examination.shape[-1] == 1:
            return self._examination[..., 0]
        positions = tf.range(self.slate_size)
        above = positions < positions[:, tf.newaxis]
        last = tf.where(above & clicked[..., tf.newaxis, :], positions + 1, 0)
        is_last = tf.one_hot(
            tf.reduce_max(last, axis=-1), self.slate_size, dtype=self._scores.dtype
        )
        return tf.reduce_sum(is_last * self._examination, axis=-1)

    def _log_prob(self, value: tf.Tensor):
        log_probs = self.conditional(value)
        possible = tf.reduce_all(log_probs > -float("inf"), axis=-1, keepdims=True)
        return tf.reduce_sum(tf.where(possible, log_probs, -float("inf")), axis=-1)

    def _click(self):
        """Probabilities [..., K, 1] or [..., K, K] of a click, by the last click above."""
        attraction = tf.where(self._mask, tf.sigmoid(self._scores), 0)
        return attraction[..., tf.newaxis] * self._examination

    def _mean(self):
        return _clicked(self._click())

    def _draw(self, shape: Shape, seed: Seed):
        """Draws a click at each position for each last click above, and selects a sequence."""
        dtype = self._scores.dtype
        u = random.uniform(tf.concat([shape, [self.slate_size]], axis=0), seed, dtype)
        return _clicked(tf.cast(u[..., tf.newaxis] < self._click(), dtype))


def _log_no_click(examined: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    """The log-probability of no click, log(1 - examined * sigmoid(scores)).

    The attraction, which may be close to one, enters as a logarithm. Examination enters as a plain
    probability, so that the gradient is right also where it is 0 or 1.
    """
    unattracted, missed = tf.math.log_sigmoid(-scores), 1 - examined
    log_missed = tf.where(missed > 0, tf.math.log(tf.where(missed > 0, missed, 1)), -float("inf"))
    scale = tf.stop_gradient(tf.maximum(unattracted, log_missed))
    return scale + tf.math.log(
        missed * tf.exp(tf.minimum(-scale, LARGEST_EXPONENT))
        + examined * tf.exp(unattracted - scale)
    )


def _clicked(click: tf.Tensor) -> tf.Tensor:
    """The probability of a click at each position, [..., K].

    Args:
      click: [..., K, 1], these probabilities; or [..., K, K], conditional probabilities given the
        last click above, in the columns of `BrowsingDistribution`. If they are 0 and 1, the result
        is the sequence of clicks.
    """
    if click.shape[-1] == 1:
        return click[..., 0]
    positions = tf.range(click.shape[-1])
    by_last = tf.linalg.matrix_transpose(tf.where(positions[:, tf.newaxis] >= positions, click, 0))
    follows = tf.linalg.matrix_transpose(by_last * product_above(1 - by_last))
    # A position is clicked if it follows no click, or a position that is clicked. These are linear
    # equations for a position in the positions above.
    after = tf.concat([follows[..., 1:], tf.zeros_like(follows[..., :1])], axis=-1)
    identity = tf.eye(click.shape[-1], dtype=click.dtype)
    return tf.linalg.triangular_solve(identity - after, follows[..., :1])[..., 0]


@configurable
class IndependentClicks(ClickModel):
    """A click model in which every document is examined, so that clicks are independent.

    With the same score for all documents it is the random click model. With a score for each
    position it is the model of click-through rates by rank, and with a score for each document the
    model of click-through rates by document (Chuklin, Markov and de Rijke 2015, "Click models for
    web search").
    """

    def distribution(self, scores, mask, satisfaction):
        return BrowsingDistribution(scores, tf.ones([1, 1], scores.dtype), mask)


@configurable
class PositionBased(ClickModel):
    """The position-based click model, in which position k is examined with probability
    examination[k], independently of clicks (Craswell et al. 2008, "An experimental comparison of
    click position-bias models").

    A log identifies only the product of examination and attraction, so fits need priors, or a first
    examination of 1.

    Args:
      examination: [K], or a number for all positions.
    """

    examination: Any = parameter(1.0, rank=1, low=0, high=1)

    def check_slate(self, slate_size: int):
        _check_positions("examination", self.examination, slate_size, 1)

    def distribution(self, scores, mask, satisfaction):
        return BrowsingDistribution(scores, self._of("examination", scores)[..., tf.newaxis], mask)


@configurable
class UserBrowsing(ClickModel):
    """The user browsing model, in which position k is examined with probability examination[k, l]
    given the last click above: l is 0 without a click above, and j + 1 if the last click was on
    position j (Dupret and Piwowarski 2008, "A user browsing model to predict search engine click
    data from past observations").

    A log identifies only the product of examination and attraction, so fits need priors. Elements
    above the diagonal have no meaning.

    Args:
      examination: [K, K], or a number for all elements.
    """

    examination: Any = parameter(1.0, rank=2, low=0, high=1)

    def check_slate(self, slate_size: int):
        _check_positions("examination", self.examination, slate_size, 2)

    def distribution(self, scores, mask, satisfaction):
        return BrowsingDistribution(scores, self._of("examination", scores, 1), mask)


def _check_positions(name: str, value: Any, slate_size: int, rank: int) -> None:
    """Raises a ValueError if a parameter does not have an element for each position, or pair of
    positions.
    """
    axes = {"slate_size": slate_size, "last": slate_size}
    validation.check_table(name, value, or_number=True, **dict(list(axes.items())[:rank]))
