# SPDX-License-Identifier: Apache-2.0
"""Draws of a choice or clicks together with a rating or a dwell time of the chosen documents."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.choice.base import ChoiceDistribution
from recsim_tf.core.distributions import PerhapsUnknown


class ChoiceAndEngagement(NamedTuple):
    """A draw of `with_engagement`, or its distributions."""

    choice: Any  # int32 [B], the position chosen, or K for "no click"; or clicks [B, K]
    # float [B] for the chosen document, or [B, K] for the clicked documents; elsewhere it has no
    # meaning. It is NaN, or -1 among integers, where it is missing in a log
    engagement: Any

    def engagement_or(self, value: float) -> tf.Tensor:
        """The engagement, with a value in place of missing numbers of a log."""
        if self.engagement.dtype.is_floating:
            is_known = ~tf.math.is_nan(self.engagement)
        else:
            is_known = self.engagement != -1
        return tf.where(is_known, self.engagement, tf.cast(value, self.engagement.dtype))


@tf.autograph.experimental.do_not_convert
def with_engagement(
    choice: tfd.Distribution, engagement: Callable[[tf.Tensor], tfd.Distribution]
) -> tfd.Distribution:
    """The distribution of a choice, or of clicks, and of the engagement with the chosen documents,
    such as a rating, a dwell time or an amount.

        def response(self, state, slate):
            return recsim_tf.choice.with_engagement(
                self.choice_model(scores, slate.mask),
                lambda clicked: tfd.LogNormal(tf.reduce_sum(clicked * interest, axis=1), 0.5),
            )

        def outcome(self, state, slate, draw):
            clicked = tf.one_hot(draw.choice, slate.mask.shape[1])
            return Watched(clicked, minutes=clicked * draw.engagement[:, tf.newaxis])

    A draw is a `ChoiceAndEngagement`, which logs of `Log.with_engagement` hold. The engagement has
    log-probability 0 where nothing is chosen, or where it is missing in a log. An `outcome` or
    `update` that reads it takes `draw.engagement_or(value)` for such logs.

    Args:
      choice: a distribution of batch shape [B] from a choice model, or a distribution of clicks
        [B, K] with or without purchases.
      engagement: a function that maps click weights, float [B, K], to a distribution of batch shape
        [B], or [B, K] where several documents may be clicked. It must be a proper distribution also
        where weights are 0.
    """

    # The name of the argument is the name of the field on which the engagement depends.
    def of_chosen(choice):
        if is_choice:
            clicked = tf.one_hot(choice, slate_size, dtype=dtype)
            return tfd.Masked(PerhapsUnknown(engagement(clicked)), choice < slate_size)
        clicked, *_ = tf.nest.flatten(choice)
        amounts = PerhapsUnknown(engagement(tf.cast(clicked, dtype)))
        return tfd.Independent(tfd.Masked(amounts, clicked > 0), 1)

    is_choice = isinstance(choice, ChoiceDistribution)
    rates, *_ = tf.nest.flatten(choice.probs[..., :-1] if is_choice else choice.mean())
    slate_size, dtype = rates.shape[-1], rates.dtype
    return tfd.JointDistributionNamed(ChoiceAndEngagement(choice=choice, engagement=of_chosen))
