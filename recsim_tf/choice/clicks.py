# SPDX-License-Identifier: Apache-2.0
"""Click models, in which a user may click on any number of documents of a slate."""

import abc
import dataclasses
from typing import Any, ClassVar

import tensorflow as tf

from recsim_tf.choice.base import as_mask, as_scores, at_documents
from recsim_tf.core.base import validation
from recsim_tf.core.base.parameters import Model
from recsim_tf.core.base.types import Nest
from recsim_tf.core.distributions.custom import ShapedDistribution

# The exponential of this number is a float32. Only terms of weight zero have larger exponents.
LARGEST_EXPONENT = 80.0


class ClickDistribution(ShapedDistribution):
    """A distribution over the clicks on a slate, float [..., K] of 0 and 1. The mean is the click
    rates.

    The batch shape [...] is the shape of the scores [..., K] without their last axis. An empty
    position is never clicked.

    Args:
      scores: float [..., K], logits of a click on a document that is examined.
      mask: bool [..., K], False at empty positions; None if no position is empty.
      parameters: the arguments of `tfd.Distribution`.
    """

    def __init__(self, scores: tf.Tensor, mask: tf.Tensor | None, parameters: dict[str, Any]):
        scores = as_scores("scores", scores)
        mask = tf.ones(scores.shape[-1:], tf.bool) if mask is None else as_mask(mask, scores)
        # Scores of empty positions must not reach a gradient.
        self._scores = tf.where(mask, scores, 0)
        self._mask = mask
        dtype = self._event(scores.dtype, scores.dtype)
        super().__init__(dtype, parameters, batch=self._scores, num_inner=1)

    @property
    def slate_size(self) -> int:
        """The slate size K."""
        return self._scores.shape[-1]

    @property
    def clicks(self) -> "ClickDistribution":
        """The distribution of the clicks, also where an event has more parts."""
        return self

    @abc.abstractmethod
    def conditional(self, value: Nest) -> tf.Tensor:
        """The log-probability of the event at each position, given the events above it.

        Args:
          value: an event, as `log_prob` takes.

        Returns:
          float [..., K]. They sum up to `log_prob(value)`.
        """

    def _event(self, clicked: Any, purchased: Any) -> Nest:
        """An event from its parts. It also makes the dtype or shape of an event from its parts."""
        del purchased
        return clicked

    def _event_shape(self):
        shape = tf.TensorShape([self.slate_size])
        return self._event(shape, shape)


class ClickModel(Model, abc.ABC):
    """A model of the clicks of a user on the documents of a slate, by the scores of the documents.

        click_model = UserBrowsing(examination)
        click_model(scores, mask).log_prob(clicked)

    A document that is examined is clicked with probability sigmoid(score), its attraction. Models
    differ in the documents that are examined. Examination is in no log, and is summed out exactly.
    All parameters are probabilities.

    Args:
      validate: whether to check for NaN and infinite scores, and for probabilities outside [0, 1],
        as `ChoiceModel` does.
    """

    # Whether satisfied users stop, so that documents need scores of satisfaction.
    uses_satisfaction: ClassVar[bool] = False
    validate: bool = dataclasses.field(default=False, kw_only=True)

    @tf.autograph.experimental.do_not_convert
    def __call__(
        self,
        scores: tf.Tensor,
        mask: tf.Tensor | None = None,
        satisfaction: tf.Tensor | None = None,
    ) -> ClickDistribution:
        """The distribution of the clicks.

        Args:
          scores: float [..., K], logits of a click on a document that is examined.
          mask: bool [..., K], False at empty positions, which are never clicked; None if no
            position is empty.
          satisfaction: float [..., K], logits of being satisfied after a click, for a model with
            `uses_satisfaction`; else None.

        Raises:
          ValueError: if satisfaction is missing or not used, or if the parameters are for another
            number of positions.
        """
        self.check_satisfaction("satisfaction", satisfaction)
        scores, mask, satisfaction = self._checked(scores, mask, satisfaction, "satisfaction")
        return self.distribution(scores, mask, satisfaction)

    @abc.abstractmethod
    def distribution(
        self, scores: tf.Tensor, mask: tf.Tensor | None, satisfaction: tf.Tensor | None
    ) -> ClickDistribution:
        """The distribution of the clicks, from the checked arguments of `__call__`."""

    def check_slate(self, slate_size: int) -> None:
        """Raises a ValueError if the parameters are for another number of positions."""

    def check_satisfaction(self, name: str, satisfaction: Any) -> None:
        """Raises a ValueError if scores of satisfaction are missing, or not used."""
        if self.uses_satisfaction != (satisfaction is not None):
            allowed = "given" if self.uses_satisfaction else "None"
            raise ValueError(f"{name} must be {allowed} for the click model {type(self).__name__}")

    def _of(self, name: str, scores: tf.Tensor, num_inner: int = 0) -> tf.Tensor:
        """A parameter, shaped to broadcast against the scores with `num_inner` more axes."""
        return self.per_user(name, scores.shape.rank + num_inner, scores.dtype)

    def _checked(
        self, scores: tf.Tensor, mask: tf.Tensor | None, inner: tf.Tensor | None, name: str
    ) -> tuple[tf.Tensor, tf.Tensor | None, tf.Tensor | None]:
        """Scores, mask and inner scores as checked tensors. Inner scores, such as satisfaction, may
        be None. `name` is their name for errors.
        """
        scores = as_scores("scores", scores)
        mask = None if mask is None else as_mask(mask, scores)
        self.check_slate(scores.shape[-1])
        if inner is not None:
            inner = as_scores(name, inner)
            if inner.shape[-1] != scores.shape[-1]:
                raise ValueError(
                    f"{name} must have the shape of scores, {scores.shape}, got {inner.shape}"
                )
        if self.validate:
            conditions = [
                (at_documents(tf.math.is_finite(values), mask), f"{table} must be finite")
                for table, values in (("scores", scores), (name, inner))
                if values is not None
            ]
            for parameter, value in self.parameters().items():
                probs = tf.convert_to_tensor(value)
                conditions.append(((probs >= 0) & (probs <= 1), f"{parameter} must be in [0, 1]"))
            scores = validation.asserted(scores, conditions)
        if inner is not None and mask is not None:
            # Scores of empty positions must not reach a gradient.
            inner = tf.where(mask, inner, 0)
        return scores, mask, inner
