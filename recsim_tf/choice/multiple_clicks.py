"""Cascade choice with several clicks on a slate, and purchases behind the clicks."""

import dataclasses
from typing import Any

import gin
import tensorflow as tf

from recsim_tf.choice.base import as_mask, as_scores, at_documents
from recsim_tf.choice.cascade_distribution import CascadeDistribution, Continuation
from recsim_tf.core import validation
from recsim_tf.core.parameters import Model, parameter


@gin.configurable
class MultipleClickCascade(Model):
    """The user examines the slate from the top, may click on each document that is examined and
    purchase what is clicked, and each time goes on or stops.

    An examined document is clicked with probability sigmoid(scores[k]), and a clicked one purchased
    with probability sigmoid(purchase_scores[k]). The next document is examined with the probability
    for what happened. Empty positions are passed over.

        cascade = MultipleClickCascade(continue_after_no_click=0.9, continue_after_click=0.5)
        cascade(scores, mask).log_prob(clicked)
        cascade(scores, mask, purchase_scores).log_prob(ClicksAndPurchases(clicked, purchased))

    The draw is what logs hold. How far the user examined is in no log, and is summed out exactly.

    Without purchases this is the dynamic Bayesian network of Chapelle & Zhang 2009 ("A dynamic
    Bayesian network click model for web search ranking") with one satisfaction s for all documents:
    continue_after_no_click is their gamma, and continue_after_click is gamma (1 - s). With
    continue_after_no_click 1 it is the dependent click model of Guo et al. 2009 ("Efficient
    multiple-click models in web search") with one lambda for all positions. With
    continue_after_click 0 as well it is the cascade of Craswell et al. 2008 ("An experimental
    comparison of click position-bias models"). With the defaults clicks are independent until a
    purchase.

    Args:
      continue_after_no_click: probability of going on after a document that is not clicked.
      continue_after_click: probability of going on after a click without a purchase.
      continue_after_purchase: probability of going on after a purchase; 0 ends the examination.
      validate: whether to check for NaN and infinite scores, and for probabilities outside [0, 1],
        as `ChoiceModel` does.

    Raises:
      ValueError: for a number outside [0, 1].
    """

    continue_after_no_click: Any = parameter(1.0, low=0, high=1)
    continue_after_click: Any = parameter(1.0, low=0, high=1)
    continue_after_purchase: Any = parameter(0.0, low=0, high=1)
    validate: bool = dataclasses.field(default=False, kw_only=True)

    @tf.autograph.experimental.do_not_convert
    def __call__(
        self,
        scores: tf.Tensor,
        mask: tf.Tensor | None = None,
        purchase_scores: tf.Tensor | None = None,
    ) -> CascadeDistribution:
        """The distribution of clicks, float [..., K]; with purchase scores of
        `ClicksAndPurchases`.

        Args:
          scores: float [..., K], logits of a click on a document that is examined.
          mask: bool [..., K], False at empty positions, which are never clicked; None if there are
            none.
          purchase_scores: float [..., K], logits of a purchase after a click; None if nothing can
            be purchased.
        """
        scores = as_scores("scores", scores)
        mask = None if mask is None else as_mask(mask, scores)
        continuation = {
            name: self.per_user(name, scores.shape.rank, scores.dtype) for name in self.parameters()
        }
        if self.validate:
            conditions = [
                (at_documents(tf.math.is_finite(values), mask), f"{name} must be finite")
                for name, values in (("scores", scores), ("purchase_scores", purchase_scores))
                if values is not None
            ]
            conditions += [
                ((value >= 0) & (value <= 1), f"{name} must be in [0, 1]")
                for name, value in continuation.items()
            ]
            scores = validation.checked(scores, conditions)
        return CascadeDistribution(
            scores, Continuation(*continuation.values()), mask, purchase_scores
        )
