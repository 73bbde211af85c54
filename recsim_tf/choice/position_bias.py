"""Multinomial choice by users who pay less attention further down the slate."""

import gin
import tensorflow as tf

from recsim_tf.choice.base import ChoiceDistribution
from recsim_tf.choice.cascade import first_click
from recsim_tf.choice.multinomial import MultinomialProportional

NO_CLICK_READINGS = ("kept", "unscaled", "rest", "scan")


@gin.configurable
class PositionBiasedProportional(ChoiceDistribution):
    """Multinomial proportional choice in which position j = 0, 1, ... has the attention
    attention_decay^j.

    With v_i = scores[i] - min_normalizer, v_0 = no_click_mass - min_normalizer, V = sum_i v_i and b
    = attention_decay, `no_click` says where the attention goes that a position loses:

    - "kept": to the other positions. P(no click) = v_0 / (V + v_0) as without the bias, clicks are
      shared by b^j v_j.
    - "unscaled": to all others. P(j) is proportional to b^j v_j, P(no click) to v_0.
    - "rest": to "no click". P(j) = b^j v_j / (V + v_0).
    - "scan": to what comes below. The user scans from the top, clicks with probability b^j v_j /
      (v_j + v_0) and then stops.

    These are readings of the cascade in Ie et al. 2019 (arXiv 1905.12767, section 7), P = b^j P(u,
    d) with P multinomial and b = 0.65.

    Args:
      scores: float [..., K].
      min_normalizer: scalar or [B], at most the smallest score.
      no_click_mass: scalar or [B].
      attention_decay: scalar or [B], in [0, 1]; at 1 all readings but "scan" are the multinomial
        proportional choice.
      no_click: "kept", "unscaled", "rest" or "scan".
      mask: bool [..., K], False at empty positions.
      validate: whether to check what `MultinomialProportional` checks, and the attention.

    Raises:
      ValueError: for an unknown `no_click`, or an attention_decay outside [0, 1].
    """

    parameter_names = ("min_normalizer", "no_click_mass", "attention_decay")

    def __init__(
        self,
        scores,
        min_normalizer,
        no_click_mass=0.0,
        attention_decay=0.65,
        no_click: str = "kept",
        mask=None,
        validate: bool = False,
        name: str = "PositionBiasedProportional",
    ):
        if no_click not in NO_CLICK_READINGS:
            raise ValueError(
                f"no_click must be one of {', '.join(NO_CLICK_READINGS)}, got {no_click!r}"
            )
        if isinstance(attention_decay, (int, float)) and not 0 <= attention_decay <= 1:
            raise ValueError(f"attention_decay must be in [0, 1], got {attention_decay}")
        parameters = {
            "scores": scores,
            "min_normalizer": min_normalizer,
            "no_click_mass": no_click_mass,
            "attention_decay": attention_decay,
            "no_click": no_click,
            "mask": mask,
            "validate": validate,
            "name": name,
        }
        self._min_normalizer = min_normalizer
        self._no_click_mass = no_click_mass
        self._attention_decay = attention_decay
        self._no_click = no_click
        super().__init__(scores, mask, validate, parameters, name)

    def weights(self):
        unbiased = self._multinomial().weights()
        documents, no_click = unbiased[..., :-1], unbiased[..., -1:]
        attention = tf.pow(
            self._parameter(self._attention_decay), tf.range(self.slate_size, dtype=unbiased.dtype)
        )
        biased = attention * documents
        if self._no_click == "scan":
            return first_click(tf.math.divide_no_nan(biased, documents + no_click))
        total, total_biased = (
            tf.reduce_sum(values, axis=-1, keepdims=True) for values in (documents, biased)
        )
        if self._no_click == "kept":
            biased *= tf.math.divide_no_nan(total, total_biased)
        if self._no_click == "rest":
            no_click += total - total_biased
        return tf.concat([biased, no_click], axis=-1)

    def _multinomial(self):
        return MultinomialProportional(
            self._scores, self._min_normalizer, self._no_click_mass, self._mask
        )

    def _conditions(self):
        decay = self._parameter(self._attention_decay)
        return [
            *self._multinomial()._conditions(),
            ((decay >= 0) & (decay <= 1), "attention_decay must be in [0, 1]"),
        ]
