"""Cascade choice: the user examines the slate from the top and stops at the first click."""

import abc

import gin
import tensorflow as tf

from recsim_tf.choice.base import ChoiceDistribution


def first_click(click_if_reached: tf.Tensor) -> tf.Tensor:
    """Probabilities [..., K + 1] of a first click at each position, and of none, from those of a
    click where the scan arrives [..., K].
    """
    # The gradient of `tf.math.cumprod` is NaN where a click is certain, that of a product is not.
    positions = tf.range(click_if_reached.shape[-1])
    earlier = positions < positions[:, tf.newaxis]
    reached = tf.reduce_prod(
        tf.where(earlier, (1 - click_if_reached)[..., tf.newaxis, :], 1), axis=-1
    )
    return tf.concat(
        [reached * click_if_reached, reached[..., -1:] * (1 - click_if_reached[..., -1:])], axis=-1
    )


class CascadeChoice(ChoiceDistribution, abc.ABC):
    """P(click i | reached i) = attention_prob * score_scaling * value[i].

    As in RecSim 0.2.4 the attention is constant for every examined position; it decays only because
    earlier clicks end the scan.
    """

    def __init__(
        self,
        scores,
        score_scaling,
        attention_prob,
        mask,
        validate: bool,
        parameters: dict,
        name: str,
    ):
        if isinstance(attention_prob, (int, float)) and not 0 <= attention_prob <= 1:
            raise ValueError(f"attention_prob must be in [0, 1], got {attention_prob}")
        if isinstance(score_scaling, (int, float)) and score_scaling < 0:
            raise ValueError(f"score_scaling must be at least 0, got {score_scaling}")
        self._score_scaling = score_scaling
        self._attention_prob = attention_prob
        super().__init__(scores, mask, validate, parameters, name)

    @abc.abstractmethod
    def _values(self) -> tf.Tensor:
        """Non-negative values [..., K] of the documents."""

    def weights(self):
        attention = self._parameter(self._attention_prob) * self._parameter(self._score_scaling)
        click_if_reached = self._mask_out(attention * self._values(), 0.0)
        return first_click(click_if_reached)

    def _conditions(self):
        scaled = self._parameter(self._score_scaling) * self._values()
        attention_prob = self._parameter(self._attention_prob)
        return [
            ((attention_prob >= 0) & (attention_prob <= 1), "attention_prob must be in [0, 1]"),
            (self._parameter(self._score_scaling) >= 0, "score_scaling must be at least 0"),
            (
                self._real(scaled >= 0),
                "scores must be at least min_normalizer: a cascade probability is negative",
            ),
            (
                self._real(scaled <= 1),
                "scores are too large for score_scaling: a cascade probability is above 1",
            ),
        ]


@gin.configurable
class ExponentialCascade(CascadeChoice):
    """Cascade choice with value[i] = exp(scores[i]).

    Args:
      scores: float [..., K].
      score_scaling: scalar or [B], at least 0; score_scaling * exp(scores) must not exceed 1.
      attention_prob: scalar or [B], in [0, 1] (RecSim 0.2.4 default 1).
      mask: bool [..., K], False at empty positions.
      validate: whether to check for NaN and infinite scores and for probabilities outside [0, 1].
    """

    parameter_names = ("score_scaling", "attention_prob")

    def __init__(
        self,
        scores,
        score_scaling,
        attention_prob=1.0,
        mask=None,
        validate: bool = False,
        name: str = "ExponentialCascade",
    ):
        parameters = {
            "scores": scores,
            "score_scaling": score_scaling,
            "attention_prob": attention_prob,
            "mask": mask,
            "validate": validate,
            "name": name,
        }
        super().__init__(scores, score_scaling, attention_prob, mask, validate, parameters, name)

    def _values(self):
        return tf.exp(self._scores)


@gin.configurable
class ProportionalCascade(CascadeChoice):
    """Cascade choice with value[i] = scores[i] - min_normalizer.

    Args:
      scores: float [..., K].
      score_scaling: scalar or [B], at least 0; score_scaling * (scores - min_normalizer) must not
        exceed 1.
      min_normalizer: scalar or [B], at most the smallest score.
      attention_prob: scalar or [B], in [0, 1] (RecSim 0.2.4 default 1).
      mask: bool [..., K], False at empty positions.
      validate: whether to check for NaN and infinite scores and for probabilities outside [0, 1].
    """

    parameter_names = ("score_scaling", "min_normalizer", "attention_prob")

    def __init__(
        self,
        scores,
        score_scaling,
        min_normalizer,
        attention_prob=1.0,
        mask=None,
        validate: bool = False,
        name: str = "ProportionalCascade",
    ):
        parameters = {
            "scores": scores,
            "score_scaling": score_scaling,
            "min_normalizer": min_normalizer,
            "attention_prob": attention_prob,
            "mask": mask,
            "validate": validate,
            "name": name,
        }
        self._min_normalizer = min_normalizer
        super().__init__(scores, score_scaling, attention_prob, mask, validate, parameters, name)

    def _values(self):
        return self._scores - self._parameter(self._min_normalizer)
