"""Multinomial choice: every document of the slate competes with the others and with "no click"."""

import gin
import tensorflow as tf

from recsim_tf.choice.base import ChoiceDistribution


@gin.configurable
class MultinomialLogit(ChoiceDistribution):
    """P(i) proportional to exp(scores[i]), P(no click) to exp(no_click_mass).

    Args:
      scores: float [..., K].
      no_click_mass: a logit (RecSim's name), scalar or [B]. The default -inf (RecSim 0.2.4) makes a
        click certain.
      mask: bool [..., K], False at empty positions.
      validate: whether to check for NaN and infinite scores, and that some outcome is possible.
    """

    parameter_names = ("no_click_mass",)

    def __init__(
        self,
        scores,
        no_click_mass=-float("inf"),
        mask=None,
        validate: bool = False,
        name: str = "MultinomialLogit",
    ):
        parameters = {
            "scores": scores,
            "no_click_mass": no_click_mass,
            "mask": mask,
            "validate": validate,
            "name": name,
        }
        self._no_click_mass = no_click_mass
        super().__init__(scores, mask, validate, parameters, name)

    def _logits(self):
        return self._with_no_click(
            self._mask_out(self._scores, -float("inf")), self._parameter(self._no_click_mass)
        )

    def weights(self):
        return tf.nn.softmax(self._logits())

    @property
    def log_probs(self):
        return tf.nn.log_softmax(self._logits())

    def _conditions(self):
        logits = self._logits()
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


@gin.configurable
class MultinomialProportional(ChoiceDistribution):
    """P(i) proportional to scores[i] - min_normalizer, P(no click) to no_click_mass -
    min_normalizer.

    The shift applies to the no-click mass as well (as in RecSim): with min_normalizer -1, a
    no_click_mass of 1 has weight 2.

    Args:
      scores: float [..., K].
      min_normalizer: scalar or [B], at most the smallest score.
      no_click_mass: scalar or [B] (RecSim 0.2.4 default 0).
      mask: bool [..., K], False at empty positions.
      validate: whether to check for NaN and infinite scores, negative weights, and that some
        outcome is possible.
    """

    parameter_names = ("min_normalizer", "no_click_mass")

    def __init__(
        self,
        scores,
        min_normalizer,
        no_click_mass=0.0,
        mask=None,
        validate: bool = False,
        name: str = "MultinomialProportional",
    ):
        parameters = {
            "scores": scores,
            "min_normalizer": min_normalizer,
            "no_click_mass": no_click_mass,
            "mask": mask,
            "validate": validate,
            "name": name,
        }
        self._min_normalizer = min_normalizer
        self._no_click_mass = no_click_mass
        super().__init__(scores, mask, validate, parameters, name)

    def weights(self):
        shift = self._parameter(self._min_normalizer)
        return self._with_no_click(
            self._mask_out(self._scores - shift, 0.0), self._parameter(self._no_click_mass) - shift
        )

    def _conditions(self):
        weights = self.weights()
        return [
            (
                weights[..., :-1] >= 0,
                "scores must be at least min_normalizer: a proportional weight is negative",
            ),
            (
                weights[..., -1] >= 0,
                (
                    "no_click_mass must be at least min_normalizer: its proportional weight is"
                    " negative"
                ),
            ),
            (
                tf.reduce_sum(weights, axis=-1) > 0,
                "some outcome must be possible: all proportional weights are zero",
            ),
        ]
