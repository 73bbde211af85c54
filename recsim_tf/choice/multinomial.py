# SPDX-License-Identifier: Apache-2.0
"""Multinomial choice, in which the documents of the slate and "no click" compete."""

from typing import Any, ClassVar

import tensorflow as tf

from recsim_tf.choice.base import ChoiceModel, fill_empty, with_no_click
from recsim_tf.core.base.arguments import configurable
from recsim_tf.core.base.parameters import parameter
from recsim_tf.core.base.ranges import known_numbers, shown


@configurable
class MultinomialLogit(ChoiceModel):
    """Choice with P(i) proportional to exp(scores[i]), and P(no click) to exp(no_click_mass).

    Args:
      no_click_mass: a logit (RecSim's name). The default -inf (RecSim 0.2.4) makes a click certain.
      validate: whether to check for NaN and infinite scores, and that some outcome is possible.
    """

    is_multinomial: ClassVar[bool] = True
    no_click_mass: Any = parameter(-float("inf"), low=-float("inf"))

    def weights(self, scores: tf.Tensor, mask: tf.Tensor | None = None):
        return tf.nn.softmax(self._logits(scores, mask))

    def log_probs(self, scores: tf.Tensor, mask: tf.Tensor | None = None):
        return tf.nn.log_softmax(self._logits(scores, mask))

    def conditions(self, scores: tf.Tensor, mask: tf.Tensor):
        logits = self._logits(scores, mask)
        no_click = logits[..., -1]
        return [
            (
                ~tf.math.is_nan(no_click) & (no_click < float("inf")),
                "no_click_mass must be finite or -inf",
            ),
            (
                tf.reduce_any(tf.math.is_finite(logits), axis=-1),
                "some outcome must be possible: the slate is empty and no_click_mass is -inf",
            ),
        ]

    def _logits(self, scores: tf.Tensor, mask: tf.Tensor):
        return with_no_click(
            fill_empty(scores, mask, -float("inf")), self._of("no_click_mass", scores)
        )


@configurable
class MultinomialProportional(ChoiceModel):
    """Choice with P(i) proportional to scores[i] - min_normalizer, and P(no click) to no_click_mass
    - min_normalizer.

    The shift applies to the no-click mass as well, as in RecSim. With min_normalizer -1, a
    no_click_mass of 1 has weight 2. The defaults come from the interest evolution of RecSim 0.2.4.

    Args:
      min_normalizer: a number of at most the smallest score.
      no_click_mass: the score of "no click", at least min_normalizer.
      validate: whether to check for NaN and infinite scores, negative weights, and that some
        outcome is possible.

    Raises:
      ValueError: for a no_click_mass below min_normalizer.
    """

    is_multinomial: ClassVar[bool] = True
    min_normalizer: Any = parameter(-1.0)
    no_click_mass: Any = parameter(1.0)

    def check(self):
        least = known_numbers("min_normalizer", self.min_normalizer)
        mass = known_numbers("no_click_mass", self.no_click_mass)
        if least is not None and mass is not None and (mass < least).any():
            raise ValueError(
                f"no_click_mass must be at least min_normalizer={shown(self.min_normalizer)}, got"
                f" {shown(self.no_click_mass)}: its proportional weight is negative"
            )

    def weights(self, scores: tf.Tensor, mask: tf.Tensor | None = None):
        shift = self._of("min_normalizer", scores)
        return with_no_click(
            fill_empty(scores - shift, mask, 0.0), self._of("no_click_mass", scores) - shift
        )

    def conditions(self, scores: tf.Tensor, mask: tf.Tensor):
        # The weights of a subclass may not sum to a number, so they are not used.
        weights = MultinomialProportional.weights(self, scores, mask)
        return [
            (
                weights[..., :-1] >= 0,
                "scores must be at least min_normalizer: a proportional weight is negative",
            ),
            (
                weights[..., -1] >= 0,
                "no_click_mass must be at least min_normalizer: its proportional weight is"
                " negative",
            ),
            (
                tf.reduce_sum(weights, axis=-1) > 0,
                "some outcome must be possible: all proportional weights are zero",
            ),
        ]
