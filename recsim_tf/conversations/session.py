"""What changes in a session: trust and patience; and how long users stay with an item."""

from typing import Any

import gin
import tensorflow as tf

from recsim_tf.conversations.acts import Act, is_one_of
from recsim_tf.conversations.replies import UserPart
from recsim_tf.core import nests, validation
from recsim_tf.core.parameters import parameter

_QUESTIONS = (Act.ASK, Act.COMPARE)


@gin.configurable
class Trust(UserPart):
    """Trust in endorsements. After one whose item is accepted it changes by rate *
    (sigmoid(utility) - 1/2), and is never negative.

    Args:
      initial: at the start of a session.
      rate: of change.
      endorsement: utility that an endorsement adds at a trust of 1.
    """

    initial: Any = parameter(1.0, low=0)
    rate: Any = parameter(0.5)
    endorsement: Any = parameter(0.6)

    def after(self, trust: tf.Tensor, endorsed: tf.Tensor, utility: tf.Tensor) -> tf.Tensor:
        """The trust [B] after a turn.

        Args:
          trust: [B], before it.
          endorsed: [B], 1 where the user has accepted an item that was endorsed, else 0.
          utility: [B], of the item.
        """
        liked = tf.sigmoid(utility) - 0.5
        return tf.maximum(trust + self.of("rate", trust) * endorsed * liked, 0)


@gin.configurable
class Patience(UserPart):
    """Patience. It falls by the effort of the act, and by `annoyance` for a question that follows a
    question. A user leaves with probability sigmoid(-patience / scale).

    Args:
      initial: at the start of a session.
      effort: [7], by act, or a number; then silence costs nothing.
      annoyance: of a question after a question.
      scale: of patience; positive.

    Raises:
      ValueError: for another number of efforts.
    """

    initial: Any = parameter(6.0)
    effort: Any = parameter(1.0, rank=1)
    annoyance: Any = parameter(0.5)
    scale: Any = parameter(1.0, above=0)

    def check(self):
        validation.check_table("effort", self.effort, or_number=True, acts=len(Act))

    def after(self, patience: tf.Tensor, act: tf.Tensor, last_act: tf.Tensor) -> tf.Tensor:
        """The patience [B] after a turn, of a patience [B] and acts int32 [B]."""
        again = is_one_of(act, *_QUESTIONS) & is_one_of(last_act, *_QUESTIONS)
        annoyance = tf.where(again, self.of("annoyance", patience), tf.zeros([], patience.dtype))
        return patience - self.efforts(act, patience.dtype) - annoyance

    def efforts(self, act: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
        """The effort [B] of acts int32 [B]."""
        table = self.per_user("effort", 2, dtype)
        is_by_act = table.shape[-1:] == [len(Act)]
        # A number for each user is [B, 1].
        table = tf.broadcast_to(table, [*table.shape[:-1], len(Act)])
        efforts = nests.lookup(table, act, 1)
        return efforts if is_by_act else tf.where(act == Act.SILENT, tf.zeros([], dtype), efforts)


@gin.configurable
class Dwell(UserPart):
    """The time in seconds that users spend on a chosen item. Its log is Normal(loc + gain *
    utility, scale).

    Args:
      loc, gain, scale: of the normal distribution; the scale is positive.
    """

    loc: Any = parameter(3.0)
    gain: Any = parameter(0.5)
    scale: Any = parameter(0.5, above=0)

    def mean_log(self, utility: tf.Tensor) -> tf.Tensor:
        """The mean [B, ...] of the log, at utilities [B, ...]."""
        return self.of("loc", utility) + self.of("gain", utility) * utility

    def stddev_log(self, like: tf.Tensor) -> tf.Tensor:
        """The standard deviation [B] of the log, for users of a tensor [B]."""
        return tf.zeros_like(like) + self.of("scale", like)
