# SPDX-License-Identifier: Apache-2.0
"""Cascade choice: the user examines the slate from the top and stops at the first click."""

import abc
from typing import Any

import tensorflow as tf

from recsim_tf.choice.base import ChoiceModel, at_documents, fill_empty
from recsim_tf.core.base.arguments import configurable
from recsim_tf.core.base.parameters import parameter


def product_above(values: tf.Tensor) -> tf.Tensor:
    """The product of the values [..., K] at the positions above each position, [..., K]."""

    def above(factors, distance):
        """The factors `distance` positions above each position, and 1 above the slate."""
        return tf.concat([tf.ones_like(factors[..., :distance]), factors[..., :-distance]], axis=-1)

    # The gradient of `tf.math.cumprod` is NaN where a value is zero, unlike the gradient of
    # products. Each doubling multiplies products of 1, 2, 4 ... positions by the products above.
    product, distance = above(values, 1), 1
    while distance < values.shape[-1]:
        product, distance = product * above(product, distance), 2 * distance
    return product


def _first_click(click_if_reached: tf.Tensor) -> tf.Tensor:
    """The probabilities of a first click at each position and of no click, [..., K + 1], from the
    probabilities [..., K] of a click at a position that the scan reaches.
    """
    reached = product_above(1 - click_if_reached)
    return tf.concat(
        [reached * click_if_reached, reached[..., -1:] * (1 - click_if_reached[..., -1:])], axis=-1
    )


class CascadeChoice(ChoiceModel, abc.ABC):
    """Cascade choice with P(click i | reached i) = attention_prob * score_scaling * value[i].

    The attention is the same at every examined position, as in RecSim 0.2.4. It decays only because
    earlier clicks end the scan. The defaults come from the interest evolution of RecSim 0.2.4.

    Args:
      score_scaling: a number of at least 0; score_scaling * value[i] must not exceed 1.
      attention_prob: a number in [0, 1].
      validate: whether to check for NaN and infinite scores and for probabilities outside [0, 1].
    """

    score_scaling: Any = parameter(0.05, low=0)
    attention_prob: Any = parameter(0.65, low=0, high=1)

    @abc.abstractmethod
    def values(self, scores: tf.Tensor) -> tf.Tensor:
        """The values of the documents, [..., K], which are not negative."""

    def weights(self, scores: tf.Tensor, mask: tf.Tensor | None = None):
        attention = self._of("attention_prob", scores) * self._of("score_scaling", scores)
        return _first_click(fill_empty(attention * self.values(scores), mask, 0.0))

    def conditions(self, scores: tf.Tensor, mask: tf.Tensor):
        scaling = self._of("score_scaling", scores)
        attention_prob = self._of("attention_prob", scores)
        scaled = scaling * self.values(scores)
        return [
            ((attention_prob >= 0) & (attention_prob <= 1), "attention_prob must be in [0, 1]"),
            (scaling >= 0, "score_scaling must be at least 0"),
            (
                at_documents(scaled >= 0, mask),
                "scores must be at least min_normalizer: a cascade probability is negative",
            ),
            (
                at_documents(scaled <= 1, mask),
                "scores are too large for score_scaling: a cascade probability is above 1",
            ),
        ]


@configurable
class ExponentialCascade(CascadeChoice):
    """Cascade choice with value[i] = exp(scores[i])."""

    def values(self, scores: tf.Tensor):
        return tf.exp(scores)


@configurable
class ProportionalCascade(CascadeChoice):
    """Cascade choice with value[i] = scores[i] - min_normalizer.

    Args:
      score_scaling, attention_prob, validate: see `CascadeChoice`.
      min_normalizer: a number of at most the smallest score.
    """

    min_normalizer: Any = parameter(-1.0)

    def values(self, scores: tf.Tensor):
        return scores - self._of("min_normalizer", scores)
