"""Multinomial choice by users who pay less attention further down the slate."""

from typing import Any, ClassVar

import gin
import tensorflow as tf

from recsim_tf.choice.cascade import first_click
from recsim_tf.choice.multinomial import MultinomialProportional
from recsim_tf.core.base import validation
from recsim_tf.core.base.parameters import parameter

NO_CLICK_READINGS = ("kept", "unscaled", "rest", "scan")


@gin.configurable
class PositionBiasedProportional(MultinomialProportional):
    """Multinomial proportional choice in which position j = 0, 1, ... has the attention
    attention_decay^j.

    Let v_i = scores[i] - min_normalizer, v_0 = no_click_mass - min_normalizer, V = sum_i v_i and b
    = attention_decay. A position loses attention; `no_click` says where it goes:

    - "kept": to the other positions. P(no click) = v_0 / (V + v_0) is that without the bias, and
      clicks are shared by b^j v_j.
    - "unscaled": to all other outcomes. P(j) is proportional to b^j v_j, P(no click) to v_0.
    - "rest": to "no click". P(j) = b^j v_j / (V + v_0).
    - "scan": to the positions below. The user scans from the top, clicks with probability
      b^j v_j / (v_j + v_0), and then stops.

    These are readings of the cascade in Ie et al. 2019 (arXiv 1905.12767, section 7), P = b^j P(u,
    d) with P multinomial and b = 0.65.

    Args:
      min_normalizer: at most the smallest score.
      no_click_mass: the score of "no click".
      attention_decay: b, in [0, 1]; at 1 all readings but "scan" are the multinomial proportional
        choice.
      no_click: "kept", "unscaled", "rest" or "scan".
      validate: whether to check what `MultinomialProportional` checks, and the attention.

    Raises:
      ValueError: for an unknown `no_click`, or an attention_decay outside [0, 1].
    """

    is_multinomial: ClassVar[bool] = False
    attention_decay: Any = parameter(0.65, low=0, high=1)
    no_click: str = "kept"

    def check(self):
        super().check()
        validation.check_one_of(NO_CLICK_READINGS, no_click=self.no_click)

    def weights(self, scores: tf.Tensor, mask: tf.Tensor | None = None):
        unbiased = super().weights(scores, mask)
        documents, no_click = unbiased[..., :-1], unbiased[..., -1:]
        attention = tf.pow(
            self._of("attention_decay", scores), tf.range(scores.shape[-1], dtype=unbiased.dtype)
        )
        biased = attention * documents
        if self.no_click == "scan":
            return first_click(tf.math.divide_no_nan(biased, documents + no_click))
        total, total_biased = (
            tf.reduce_sum(values, axis=-1, keepdims=True) for values in (documents, biased)
        )
        if self.no_click == "kept":
            biased *= tf.math.divide_no_nan(total, total_biased)
        if self.no_click == "rest":
            no_click += total - total_biased
        return tf.concat([biased, no_click], axis=-1)

    def conditions(self, scores: tf.Tensor, mask: tf.Tensor):
        decay = self._of("attention_decay", scores)
        in_range = (decay >= 0) & (decay <= 1)
        return [
            *super().conditions(scores, mask),
            (in_range, "attention_decay must be in [0, 1]"),
        ]
