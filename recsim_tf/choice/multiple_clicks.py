# SPDX-License-Identifier: Apache-2.0
"""Cascade models with several clicks on a slate, and with purchases after clicks."""

import abc
from typing import Any, ClassVar

import tensorflow as tf

from recsim_tf.choice.cascade_distribution import CascadeDistribution, Continuation
from recsim_tf.choice.clicks import ClickModel
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import configurable
from recsim_tf.core.base.parameters import parameter


@configurable
class MultipleClickCascade(ClickModel):
    """A cascade with several clicks and purchases. The user examines the slate from the top, may
    click on each document that is examined and purchase a clicked document, and then goes on or
    stops.

    An examined document is clicked with probability sigmoid(scores[k]), and a clicked document is
    purchased with probability sigmoid(purchase_scores[k]). The probability of examining the next
    document depends on the click and the purchase. Empty positions are skipped.

        cascade = MultipleClickCascade(continue_after_no_click=0.9, continue_after_click=0.5)
        cascade(scores, mask).log_prob(clicked)
        cascade(scores, mask, purchase_scores).log_prob(ClicksAndPurchases(clicked, purchased))

    A draw has the fields that logs hold. The last examined position is in no log, and is summed out
    exactly.

    With continue_after_click 0 this is the cascade of Craswell et al. 2008 ("An experimental
    comparison of click position-bias models"). With the defaults clicks are independent until a
    purchase. `DependentClicks`, `ClickChain` and `DynamicBayesian` are cascades without purchases.

    Args:
      continue_after_no_click: probability of going on after a document that is not clicked.
      continue_after_click: probability of going on after a click without a purchase.
      continue_after_purchase: probability of going on after a purchase; 0 ends the examination.
      validate: whether to check for NaN and infinite scores, and for probabilities outside [0, 1],
        as `ChoiceModel` does.
    """

    continue_after_no_click: Any = parameter(1.0, low=0, high=1)
    continue_after_click: Any = parameter(1.0, low=0, high=1)
    continue_after_purchase: Any = parameter(0.0, low=0, high=1)

    @tf.autograph.experimental.do_not_convert
    def __call__(
        self,
        scores: tf.Tensor,
        mask: tf.Tensor | None = None,
        purchase_scores: tf.Tensor | None = None,
    ) -> CascadeDistribution:
        """The distribution of clicks, float [..., K], or with purchase scores of
        `ClicksAndPurchases`.

        Args:
          scores: float [..., K], logits of a click on a document that is examined.
          mask: bool [..., K], False at empty positions, which are never clicked; None if no
            position is empty.
          purchase_scores: float [..., K], logits of a purchase after a click; None if nothing can
            be purchased.
        """
        return self.distribution(*self._checked(scores, mask, purchase_scores, "purchase_scores"))

    def distribution(self, scores, mask, satisfaction):
        continuation = Continuation(*(self._of(name, scores) for name in self.parameters()))
        return CascadeDistribution(scores, continuation, mask, satisfaction)


class _Cascade(ClickModel, abc.ABC):
    """A cascade of clicks without purchases, whose continuation may differ between documents."""

    @abc.abstractmethod
    def continuation(
        self, scores: tf.Tensor, satisfaction: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The probabilities of examining the next document after no click, and after a click. Both
        broadcast against the scores [..., K].
        """

    def distribution(self, scores, mask, satisfaction):
        after_no_click, after_click = self.continuation(scores, satisfaction)
        # Nothing is purchased.
        nothing = tf.zeros([], scores.dtype)
        return CascadeDistribution(scores, Continuation(after_no_click, after_click, nothing), mask)


@configurable
class DependentClicks(_Cascade):
    """The dependent click model of Guo et al. 2009 ("Efficient multiple-click models in web
    search"). Users stop only after clicks, with a probability that depends on the position.

    Args:
      continue_after_click: [K], or a number for all positions: the probability of going on after a
        click on each position. The last element has no meaning.
    """

    continue_after_click: Any = parameter(1.0, rank=1, low=0, high=1)

    def check_slate(self, slate_size: int):
        validation.check_table(
            "continue_after_click", self.continue_after_click, or_number=True, slate_size=slate_size
        )

    def continuation(self, scores, satisfaction):
        return tf.ones([], scores.dtype), self._of("continue_after_click", scores)


@configurable
class ClickChain(_Cascade):
    """The click chain model of Guo et al. 2009 ("Click chain model in web search"). After a click,
    users go on with a probability that depends on the attraction a = sigmoid(score).

    Args:
      tau: [3]. The next document is examined with probability tau[0] after no click, and with
        probability (1 - a) tau[1] + a tau[2] after a click.
    """

    tau: Any = parameter((1.0, 1.0, 1.0), rank=1, low=0, high=1)

    def check(self):
        validation.check_table("tau", self.tau, tau=3)

    def continuation(self, scores, satisfaction):
        no_click, unattractive, attractive = tf.split(self._of("tau", scores), 3, axis=-1)
        attraction = tf.sigmoid(scores)
        return no_click, (1 - attraction) * unattractive + attraction * attractive


@configurable
class DynamicBayesian(_Cascade):
    """The dynamic Bayesian network of Chapelle and Zhang 2009 ("A dynamic Bayesian network click
    model for web search ranking"). A click satisfies the user with probability
    sigmoid(satisfaction), which ends the examination. Otherwise users go on with probability gamma.

    Satisfaction is in no log, and is summed out.

    Args:
      gamma: the probability of going on. The default is the simplified network (SDBN).
    """

    uses_satisfaction: ClassVar[bool] = True
    gamma: Any = parameter(1.0, low=0, high=1)

    def continuation(self, scores, satisfaction):
        gamma = self._of("gamma", scores)
        return gamma, gamma * tf.sigmoid(-satisfaction)
