"""A choice, and a rating or a dwell time of what is chosen, in one draw."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.choice.base import ChoiceDistribution


class ChoiceAndEngagement(NamedTuple):
    """A draw of `with_engagement`, or its distributions."""

    choice: Any  # int32 [B], the position chosen, or K for "no click"
    engagement: Any  # float [B], of the document chosen; where none is, it means nothing


@tf.autograph.experimental.do_not_convert
def with_engagement(
    choice: ChoiceDistribution, engagement: Callable[[tf.Tensor], tfd.Distribution]
) -> tfd.Distribution:
    """The distribution of a choice and of the engagement with what is chosen, such as a rating, a
    dwell time or an amount.

        def response(self, state, slate):
            return recsim_tf.choice.with_engagement(
                self.choice_model(scores, slate.mask),
                lambda clicked: tfd.LogNormal(tf.reduce_sum(clicked * interest, axis=1), 0.5),
            )

        def outcome(self, state, slate, draw):
            clicked = tf.one_hot(draw.choice, slate.mask.shape[1])
            return Watched(clicked, minutes=clicked * draw.engagement[:, tf.newaxis])

    A draw is a `ChoiceAndEngagement`, which logs of `TableLog.with_engagement` hold. Where nothing
    is chosen the engagement is not scored: its log-probability is 0.

    Args:
      choice: of batch shape [B], from a choice model.
      engagement: maps click weights, float [B, K], to a distribution of batch shape [B]. It must be
        a proper distribution also where all weights are 0.
    """
    no_click, dtype = choice.slate_size, choice.probs.dtype
    return tfd.JointDistributionNamed(
        ChoiceAndEngagement(
            choice=choice,
            # The name of the argument says on which field this one depends.
            engagement=lambda choice: tfd.Masked(
                engagement(tf.one_hot(choice, no_click, dtype=dtype)), choice < no_click
            ),
        )
    )
