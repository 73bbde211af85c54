"""Click models: which documents of a slate a user clicks on, any number of them."""

import abc
import dataclasses
from typing import Any, ClassVar

import tensorflow as tf

from recsim_tf.choice.base import as_mask, as_scores, at_documents
from recsim_tf.core.base import validation
from recsim_tf.core.base.parameters import Model
from recsim_tf.core.base.types import Nest
from recsim_tf.core.distributions.custom import ShapedDistribution


class ClickDistribution(ShapedDistribution):
    """Over the clicks on a slate, float [..., K] of 0 and 1; its mean are the click rates.

    Batch shape [...] is that of the scores [..., K] without their last axis. An empty position is
    never clicked.

    Args:
      scores: float [..., K], logits of a click on a document that is examined.
      mask: bool [..., K], False at empty positions; None if there are none.
      parameters, name: as of `tfd.Distribution`.
    """

    def __init__(
        self,
        scores: tf.Tensor,
        mask: tf.Tensor | None,
        parameters: dict[str, Any],
        name: str,
    ):
        scores = as_scores("scores", scores)
        mask = tf.ones(scores.shape[-1:], tf.bool) if mask is None else as_mask(mask, scores)
        # Whatever stands at an empty position must not reach a gradient.
        self._scores = tf.where(mask, scores, 0)
        self._mask = mask
        dtype = self._event(scores.dtype, scores.dtype)
        super().__init__(dtype, parameters, name, batch=self._scores, num_inner=1)

    @property
    def slate_size(self) -> int:
        """K."""
        return self._scores.shape[-1]

    @property
    def clicks(self) -> "ClickDistribution":
        """The distribution of the clicks alone, where more is drawn."""
        return self

    @abc.abstractmethod
    def conditional(self, value: Nest) -> tf.Tensor:
        """Log-probabilities of what happened at each position, given what happened above it.

        Args:
          value: an event, as for `log_prob`.

        Returns:
          float [..., K]. They sum up to `log_prob(value)`.
        """

    def _event(self, clicked: Any, other: Any) -> Nest:
        """An event, or its dtype or shape, from that of its parts."""
        del other
        return clicked

    def _event_shape(self):
        shape = tf.TensorShape([self.slate_size])
        return self._event(shape, shape)


class ClickModel(Model, abc.ABC):
    """On which documents of a slate a user clicks, by the scores of the documents.

        click_model = UserBrowsing(examination)
        click_model(scores, mask).log_prob(clicked)

    A document that is examined is clicked with probability sigmoid(score), its attraction. Models
    differ in which documents are examined. Which ones were is in no log, and is summed out exactly.
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
          mask: bool [..., K], False at empty positions, which are never clicked; None if there are
            none.
          satisfaction: float [..., K], logits of being satisfied after a click, for a model with
            `uses_satisfaction`; else None.

        Raises:
          ValueError: for satisfaction that is missing or not used, and for parameters of another
            number of positions.
        """
        self.check_satisfaction("satisfaction", satisfaction)
        scores, mask, satisfaction = self._checked(scores, mask, satisfaction, "satisfaction")
        return self.distribution(scores, mask, satisfaction)

    @abc.abstractmethod
    def distribution(
        self, scores: tf.Tensor, mask: tf.Tensor | None, satisfaction: tf.Tensor | None
    ) -> ClickDistribution:
        """The distribution of the clicks; the arguments are those of `__call__`, checked."""

    def check_slate(self, slate_size: int) -> None:
        """Raises a ValueError if the parameters are those of another number of positions."""

    def check_satisfaction(self, name: str, satisfaction: Any) -> None:
        """Raises a ValueError if scores of satisfaction are missing, or not used."""
        if self.uses_satisfaction != (satisfaction is not None):
            allowed = "given" if self.uses_satisfaction else "None"
            raise ValueError(f"{name} must be {allowed} for the click model {type(self).__name__}")

    def _of(self, name: str, scores: tf.Tensor, num_inner: int = 0) -> tf.Tensor:
        """A parameter, shaped to broadcast against the scores with so many further axes."""
        return self.per_user(name, scores.shape.rank + num_inner, scores.dtype)

    def _checked(
        self, scores: tf.Tensor, mask: tf.Tensor | None, other: tf.Tensor | None, name: str
    ) -> tuple[tf.Tensor, tf.Tensor | None, tf.Tensor | None]:
        """Scores, mask, and other scores of this name, or None, as tensors."""
        scores = as_scores("scores", scores)
        mask = None if mask is None else as_mask(mask, scores)
        self.check_slate(scores.shape[-1])
        if other is not None:
            other = as_scores(name, other)
            if other.shape[-1] != scores.shape[-1]:
                raise ValueError(
                    f"{name} must have the shape of scores, {scores.shape}, got {other.shape}"
                )
        if self.validate:
            conditions = [
                (at_documents(tf.math.is_finite(values), mask), f"{table} must be finite")
                for table, values in (("scores", scores), (name, other))
                if values is not None
            ]
            for parameter, value in self.parameters().items():
                probs = tf.convert_to_tensor(value)
                conditions.append(((probs >= 0) & (probs <= 1), f"{parameter} must be in [0, 1]"))
            scores = validation.checked(scores, conditions)
        if other is not None and mask is not None:
            # Whatever stands at an empty position must not reach a gradient.
            other = tf.where(mask, other, 0)
        return scores, mask, other
