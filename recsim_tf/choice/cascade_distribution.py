# SPDX-License-Identifier: Apache-2.0
"""The distribution of clicks and purchases of a user who examines a slate from the top."""

from typing import Any, NamedTuple

import tensorflow as tf

from recsim_tf.choice.cascade import product_above
from recsim_tf.choice.clicks import LARGEST_EXPONENT, ClickDistribution
from recsim_tf.core import random
from recsim_tf.core.base.types import Nest, Seed
from recsim_tf.core.random.paired import Shape


class ClicksAndPurchases(NamedTuple):
    """The clicks and purchases of a user on a slate. The field `clicked` makes it a response."""

    clicked: tf.Tensor  # float [..., K], 0 or 1
    purchased: tf.Tensor  # float [..., K], 0 or 1, and 1 only where clicked


class Continuation(NamedTuple):
    """Probabilities of examining the next document. Each broadcasts against scores [..., K]."""

    after_no_click: tf.Tensor
    after_click: tf.Tensor  # without a purchase
    after_purchase: tf.Tensor


class CascadeDistribution(ClickDistribution):
    """A distribution over the clicks on a slate, float [..., K] of 0 and 1, or with purchase scores
    over `ClicksAndPurchases`.

    `MultipleClickCascade` explains the model. The last examined position is summed out. It is the
    position of the last click or any position below it. The batch shape [...] is the shape of
    `scores` without their last axis.

    Args:
      scores: float [..., K], logits of a click on a document that is examined.
      continuation: the probabilities of going on with the examination.
      mask: bool [..., K], False at empty positions; None if no position is empty.
      purchase_scores: float [..., K], logits of a purchase after a click; None if nothing can be
        purchased.
    """

    def __init__(
        self,
        scores: tf.Tensor,
        continuation: Continuation,
        mask: tf.Tensor | None = None,
        purchase_scores: tf.Tensor | None = None,
    ):
        parameters = dict(locals())
        self._continuation, self._purchase_scores = continuation, purchase_scores
        super().__init__(scores, mask, parameters)
        if purchase_scores is not None:
            self._purchase_scores = tf.where(self._mask, purchase_scores, 0)

    @property
    def clicks(self) -> "CascadeDistribution":
        """The distribution of the clicks, in which purchases are summed out."""
        if self._purchase_scores is None:
            return self
        after, purchase = self._continuation, tf.sigmoid(self._purchase_scores)
        after_click = purchase * after.after_purchase + (1 - purchase) * after.after_click
        return CascadeDistribution(
            self._scores, after._replace(after_click=after_click), self._mask
        )

    def _event(self, clicked: Any, purchased: Any):
        return clicked if self._purchase_scores is None else ClicksAndPurchases(clicked, purchased)

    def conditional(self, value: Nest):
        positions = tf.range(self.slate_size)
        begins = positions <= positions[:, tf.newaxis]

        def repeated(leaf):
            """Reshapes [..., K] to [..., 1, K], and keeps a number."""
            leaf = tf.convert_to_tensor(leaf, dtype_hint=self._scores.dtype)
            return leaf[..., tf.newaxis, :] if leaf.shape.rank else leaf

        beginnings = CascadeDistribution(
            repeated(self._scores),
            Continuation(*map(repeated, self._continuation)),
            repeated(self._mask) & begins,
            None if self._purchase_scores is None else repeated(self._purchase_scores),
        )
        log_prob = beginnings.log_prob(
            tf.nest.map_structure(lambda leaf: tf.where(begins, repeated(leaf), 0), value)
        )
        above = tf.concat([tf.zeros_like(log_prob[..., :1]), log_prob[..., :-1]], axis=-1)
        possible = log_prob > -float("inf")
        gain = tf.where(possible, log_prob, 0) - tf.where(possible, above, 0)
        return tf.where(possible, gain, -float("inf"))

    def _log_prob(self, value: Nest):
        if self._purchase_scores is None:
            clicked, purchased = value, tf.zeros_like(value)
        else:
            clicked, purchased = value
        valid = tf.reduce_all(
            ((clicked == 0) | ((clicked == 1) & self._mask))
            & ((purchased == 0) | ((purchased == 1) & (clicked == 1))),
            axis=-1,
        )
        clicked, purchased = clicked == 1, purchased == 1
        go_on = self._go_on(clicked, purchased)
        # The user came to the last click, and may have stopped there or anywhere below.
        clicks_below = tf.cumsum(tf.cast(clicked, tf.int32), axis=-1, exclusive=True, reverse=True)
        may_stop = clicks_below == 0
        possible = valid & tf.reduce_all(may_stop | (go_on > 0), axis=-1)
        log_went_on = tf.math.log(tf.where(~may_stop & (go_on > 0), go_on, 1))
        went_on = product_above(tf.where(may_stop, go_on, 1))
        stopped = tf.where(may_stop, went_on * (1 - go_on), 0)
        log_happened = tf.cumsum(self._log_prob_at(clicked, purchased), axis=-1)
        # Small numbers enter as logarithms, but probabilities that may be zero as they are, so that
        # the gradient is right for probabilities of 0 and 1 too.
        scale = tf.reduce_max(
            tf.where(stopped > 0, log_happened, -float("inf")), axis=-1, keepdims=True
        )
        scale = tf.stop_gradient(scale)
        happened = tf.exp(tf.minimum(log_happened - scale, LARGEST_EXPONENT))
        log_prob = (
            tf.math.log(tf.reduce_sum(stopped * happened, axis=-1))
            + scale[..., 0]
            + tf.reduce_sum(log_went_on, axis=-1)
        )
        return tf.where(possible, log_prob, -float("inf"))

    def _log_prob_at(self, clicked: tf.Tensor, purchased: tf.Tensor):
        """The log-probability of the click and purchase at each position that is examined."""
        happened = tf.where(clicked, self._scores, -self._scores)
        log_prob = tf.where(self._mask, tf.math.log_sigmoid(happened), 0)
        if self._purchase_scores is None:
            return log_prob
        happened = tf.where(purchased, self._purchase_scores, -self._purchase_scores)
        return log_prob + tf.where(clicked, tf.math.log_sigmoid(happened), 0)

    def _go_on(self, clicked: tf.Tensor, purchased: tf.Tensor):
        """The probability of examining the next position, given the clicks and purchases."""
        after = self._continuation
        after_click = tf.where(purchased, after.after_purchase, after.after_click)
        go_on = tf.where(self._mask, tf.where(clicked, after_click, after.after_no_click), 1)
        return tf.where(tf.range(self.slate_size) < self.slate_size - 1, go_on, 0)

    def _mean(self):
        clicks = self.clicks
        click = tf.where(self._mask, tf.sigmoid(self._scores), 0)
        after = clicks._continuation
        go_on = click * after.after_click + (1 - click) * after.after_no_click
        clicked = click * product_above(tf.where(self._mask, go_on, 1))
        if self._purchase_scores is None:
            return clicked
        return ClicksAndPurchases(clicked, clicked * tf.sigmoid(self._purchase_scores))

    def _draw(self, shape: Shape, seed: Seed):
        """Draws clicks, purchases and continuations at all positions, and drops the clicks and
        purchases below the last examined position.
        """
        dtype = self._scores.dtype
        u = random.uniform(tf.concat([shape, [3, self.slate_size]], axis=0), seed, dtype)
        would_click, would_purchase, would_go_on = tf.unstack(u, axis=-2)
        clicked = (would_click < tf.sigmoid(self._scores)) & self._mask
        purchased = tf.zeros_like(clicked)
        if self._purchase_scores is not None:
            purchased = clicked & (would_purchase < tf.sigmoid(self._purchase_scores))
        go_on = tf.cast(would_go_on < self._go_on(clicked, purchased), dtype)
        examined = tf.math.cumprod(go_on, axis=-1, exclusive=True)
        return self._event(examined * tf.cast(clicked, dtype), examined * tf.cast(purchased, dtype))
