# SPDX-License-Identifier: Apache-2.0
"""The base of the choice models, and their distribution."""

import abc
import dataclasses
from typing import ClassVar

import tensorflow as tf
import tensorflow_probability as tfp

from recsim_tf.core import random
from recsim_tf.core.base import validation
from recsim_tf.core.base.parameters import Model
from recsim_tf.core.base.types import Seed
from recsim_tf.core.distributions import num_outcomes
from recsim_tf.core.distributions.custom import ShapedDistribution
from recsim_tf.core.random.paired import Shape


class ChoiceModel(Model, abc.ABC):
    """A model of the choice of at most one position of a slate by the scores of the documents.

        choice_model = MultinomialLogit(no_click_mass=1.0)
        choice_model(scores, mask).log_prob(position)

    The parameters of a choice model are fields, so they can be fitted, compared on the axis of
    users and saved like the parameters of users and documents.

    Args:
      validate: whether to check the scores. In eager mode an invalid score is a `ValueError`, in
        graph mode a `tf.errors.InvalidArgumentError` at run time; XLA drops the check.
    """

    # Whether the weight of a document, and of "no click", is the same on every slate.
    is_multinomial: ClassVar[bool] = False
    validate: bool = dataclasses.field(default=False, kw_only=True)

    @tf.autograph.experimental.do_not_convert
    def __call__(self, scores: tf.Tensor, mask: tf.Tensor | None = None) -> "ChoiceDistribution":
        """The distribution of the choice.

        Args:
          scores: float [..., K], how much the user likes each document of the slate.
          mask: bool [..., K], False at empty positions, which are never chosen, or None.
        """
        return ChoiceDistribution(self, scores, mask)

    @abc.abstractmethod
    def weights(self, scores: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
        """The weights of the outcomes, float [..., K+1], the last for "no click". They are
        non-negative and proportional to the probabilities, and are RecSim's scores. The arguments
        are those of `__call__`, with finite scores at empty positions.
        """

    def log_probs(self, scores: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
        """The logarithms of the probabilities, float [..., K+1]. They are -inf, with gradient zero,
        where an outcome is impossible.
        """
        weights = self.weights(scores, mask)
        possible = weights > 0
        log_weights = tf.where(possible, tf.math.log(tf.where(possible, weights, 1)), -float("inf"))
        return log_weights - tf.math.log(tf.reduce_sum(weights, axis=-1, keepdims=True))

    def conditions(self, scores: tf.Tensor, mask: tf.Tensor | None) -> list[tuple[tf.Tensor, str]]:
        """The conditions on finite scores that `validate` checks, as pairs (condition, message)."""
        return []

    def _of(self, name: str, scores: tf.Tensor) -> tf.Tensor:
        """A parameter, shaped to broadcast against the scores."""
        return self.per_user(name, scores.shape.rank, scores.dtype)


class ChoiceDistribution(ShapedDistribution):
    """A distribution over the outcomes 0..K: positions 0..K-1 of the slate, and K for "no click".

    The batch shape [...] is the shape of `scores` [..., K] without its last axis. An event is a
    scalar int32.

    Args:
      choice_model: the choice model.
      scores: float [..., K], how much the user likes each document of the slate.
      mask: bool [..., K], False at empty positions, which are never chosen; None if none is empty.
    """

    def __init__(self, choice_model: ChoiceModel, scores: tf.Tensor, mask: tf.Tensor | None = None):
        parameters = dict(locals())
        scores = as_scores("scores", scores)
        if mask is not None:
            mask = as_mask(mask, scores)
            # Scores of empty positions must not reach a gradient.
            scores = tf.where(mask, scores, tf.zeros([], scores.dtype))
        if choice_model.validate:
            scores = validation.asserted(
                scores, [(tf.math.is_finite(scores), "scores must be finite")]
            )
            scores = validation.asserted(scores, choice_model.conditions(scores, mask))
        self.choice_model = choice_model
        self._scores, self._mask = scores, mask
        super().__init__(
            tf.int32, parameters, validate_args=choice_model.validate, batch=scores, num_inner=1
        )

    @classmethod
    def _parameter_properties(cls, dtype: tf.DType, num_classes: int | None = None):
        return {"scores": tfp.util.ParameterProperties(event_ndims=1)}

    @property
    def slate_size(self) -> int:
        """The slate size K, which is also the outcome "no click"."""
        return self._scores.shape[-1]

    def weights(self) -> tf.Tensor:
        """The weights of the outcomes, float [..., K+1], the last for "no click". They are
        non-negative and proportional to the probabilities, and are RecSim's scores.
        """
        return self.choice_model.weights(self._scores, self._mask)

    @property
    def probs(self) -> tf.Tensor:
        """The probabilities of the outcomes, float [..., K+1], the last for "no click"."""
        weights = self.weights()
        return weights / tf.reduce_sum(weights, axis=-1, keepdims=True)

    @property
    def log_probs(self) -> tf.Tensor:
        """The logarithms of `probs`. They are -inf, with gradient zero, for impossible outcomes."""
        return self.choice_model.log_probs(self._scores, self._mask)

    def score_alone(self) -> tf.Tensor:
        """The weight of each document on a slate without other documents, float [..., K], which is
        RecSim's expected utility.
        """
        return self.choice_model.weights(self._scores[..., tf.newaxis])[..., 0]

    def _log_prob(self, value: tf.Tensor):
        chosen = tf.equal(value[..., tf.newaxis], tf.range(self.slate_size + 1))
        inside = (value >= 0) & (value <= self.slate_size)
        log_probs = self.log_probs
        log_prob = tf.reduce_sum(
            tf.where(chosen, log_probs, tf.zeros([], log_probs.dtype)), axis=-1
        )
        return tf.where(inside, log_prob, -float("inf"))

    def _mode(self):
        return tf.argmax(self.weights(), axis=-1, output_type=tf.int32)

    def _entropy(self):
        log_probs = self.log_probs
        possible = log_probs > -float("inf")
        return -tf.reduce_sum(self.probs * tf.where(possible, log_probs, 0), axis=-1)

    def _draw(self, shape: Shape, seed: Seed):
        weights = self.weights()
        return random.categorical_from_uniform(random.uniform(shape, seed, weights.dtype), weights)


@num_outcomes.register
def _(distribution: ChoiceDistribution):
    return distribution.slate_size + 1


def as_scores(name: str, scores: tf.Tensor) -> tf.Tensor:
    """Scores [..., K] as a tensor. Raises a ValueError unless they are floats with positions."""
    scores = tf.convert_to_tensor(scores)
    if not scores.dtype.is_floating or not scores.shape.rank:
        raise ValueError(
            f"{name} must be a float tensor [..., K], got {scores.dtype.name} {scores.shape}"
        )
    return scores


def as_mask(mask: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    """The mask of scores [..., K] as a tensor. Raises a ValueError unless it is bool [..., K], with
    outer axes that broadcast against the axes of the scores.
    """
    mask = tf.convert_to_tensor(mask)
    fits = mask.dtype == tf.bool and mask.shape.rank != 0 and mask.shape[-1] == scores.shape[-1]
    if fits:
        try:
            tf.broadcast_static_shape(mask.shape, scores.shape)
        except ValueError:
            fits = False
    if not fits:
        raise ValueError(f"mask must be bool {scores.shape}, got {mask.dtype.name} {mask.shape}")
    return mask


def fill_empty(values: tf.Tensor, mask: tf.Tensor | None, fill: float) -> tf.Tensor:
    """Values [..., K] with `fill` at empty positions."""
    return values if mask is None else tf.where(mask, values, tf.constant(fill, values.dtype))


def with_no_click(values: tf.Tensor, no_click: tf.Tensor) -> tf.Tensor:
    """Appends the value of "no click", broadcast to [..., 1], to values [..., K]."""
    return tf.concat([values, tf.broadcast_to(no_click, tf.shape(values[..., :1]))], axis=-1)


def at_documents(condition: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    """A condition [..., K] that always holds at empty positions."""
    return condition if mask is None else condition | ~mask
