"""The parts of users: how they reply in each mode, their trust and patience, which change in a
session, and how long they stay with an item.
"""

from typing import Any, NamedTuple

import gin
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.conversations.acts import NUM_RATINGS, Act, is_act
from recsim_tf.conversations.types import Query
from recsim_tf.core import nests
from recsim_tf.core.base import validation
from recsim_tf.core.base.parameters import Model, parameter

_QUESTIONS = (Act.ASK, Act.COMPARE)


class Views(NamedTuple):
    """What a user holds of a turn, from which the replies follow. B users, A attributes."""

    ideal: tf.Tensor  # [B, A], how much of each attribute the user's ideal item has
    degree: tf.Tensor  # [B, A], how much item 0 has; 0 where the slate is empty
    utility: tf.Tensor  # [B], of item 0; 0 where the slate is empty


class UserPart(Model):
    """Parameters of users that belong together; they compute in the dtype of the users."""

    def of(self, name: str, like: tf.Tensor) -> tf.Tensor:
        """A parameter, shaped to broadcast against a tensor [B, ...], in its dtype."""
        return self.per_user(name, like.shape.rank, like.dtype)


class Answers(UserPart):
    """Answers to questions: no, yes and "I don't know".

    The odds of yes against no are exp(sharpness * (ideal - degree)): whether the ideal item has
    more of the attribute than the anchor, or than 0 where there is no anchor (Biyik et al. 2023,
    arXiv 2311.02085). Without an attribute the question is whether the user likes the item, with
    the odds exp(sharpness * utility).

    Args:
      sharpness: of differences in degree, or of utilities.
      dont_know: logit of "I don't know" against both others; -inf if users always know.
    """

    sharpness: Any = parameter(3.0)
    dont_know: Any = parameter(-1.0, low=-float("inf"))

    def log_probs(self, query: Query, views: Views) -> tf.Tensor:
        """[B, 3]."""
        asked = query.attributes[:, 0]
        gap = views.ideal - views.degree
        gap = tf.reduce_sum(tf.one_hot(asked, gap.shape[-1], dtype=gap.dtype) * gap, axis=-1)
        logit = self.of("sharpness", gap) * tf.where(asked >= 0, gap, views.utility)
        unsure = tf.zeros_like(logit) + self.of("dont_know", gap)
        weights = [tf.math.log_sigmoid(-logit), tf.math.log_sigmoid(logit), unsure]
        return tf.nn.log_softmax(tf.stack(weights, axis=-1))


@gin.configurable
class Ratings(UserPart):
    """Ratings of item 0, from 0 to 4: an ordered logit of sharpness * utility.

    Args:
      logit: of the mode; -inf if users never rate.
      sharpness: of utilities.
      cuts: [4], increasing.

    Raises:
      ValueError: for another number of cuts.
    """

    logit: Any = parameter(-2.0, low=-float("inf"))
    sharpness: Any = parameter(1.5)
    cuts: Any = parameter((-1.5, -0.5, 0.5, 1.5), rank=1)

    def check(self):
        validation.check_table("cuts", self.cuts, cuts=NUM_RATINGS - 1)

    def log_probs(self, views: Views) -> tf.Tensor:
        """[B, 5]."""
        cuts = self.per_user("cuts", 2, views.utility.dtype)
        loc = self.of("sharpness", views.utility) * views.utility
        return tfd.OrderedLogistic(cutpoints=cuts, loc=loc).categorical_log_probs()


@gin.configurable
class Critiques(UserPart):
    """Critiques of item 0: more of attribute a, then less of it.

    Args:
      logit: of the mode, to which talkativeness is added; -inf if users never critique.
      sharpness: of ideal - degree.
      explanation: what is added for the attribute that an endorsement names.
    """

    logit: Any = parameter(-1.0, low=-float("inf"))
    sharpness: Any = parameter(2.0)
    explanation: Any = parameter(0.5)

    def log_probs(self, query: Query, views: Views) -> tf.Tensor:
        """[B, 2A]."""
        gap = self.of("sharpness", views.ideal) * (views.ideal - views.degree)
        named = tf.one_hot(query.attributes[:, 0], gap.shape[-1], dtype=gap.dtype)
        added = self.of("explanation", gap) * _under(named, query, Act.ENDORSE)
        return tf.nn.log_softmax(tf.concat([gap + added, added - gap], axis=-1))


@gin.configurable
class Refinements(UserPart):
    """Refinements: the attribute that a user wants more of.

    Args:
      logit: of the mode, to which talkativeness is added; -inf if users never refine.
      sharpness: of the ideal.
      salience: what is added for attributes that are shown as chips.
    """

    logit: Any = parameter(-2.0, low=-float("inf"))
    sharpness: Any = parameter(2.0)
    salience: Any = parameter(1.0)

    def log_probs(self, query: Query, views: Views) -> tf.Tensor:
        """[B, A]."""
        ideal = views.ideal
        chips = tf.one_hot(query.attributes, ideal.shape[-1], dtype=ideal.dtype)
        offered = _under(tf.reduce_max(chips, axis=1), query, Act.CHIPS)
        scores = self.of("sharpness", ideal) * ideal
        return tf.nn.log_softmax(scores + self.of("salience", ideal) * offered)


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
        """The trust [B] after a turn, of a trust [B]. `endorsed` [B] is 1 where the user has
        accepted an item that was endorsed, of this utility [B], else 0.
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
        again = is_act(act, *_QUESTIONS) & is_act(last_act, *_QUESTIONS)
        annoyance = tf.where(again, self.of("annoyance", patience), tf.zeros([], patience.dtype))
        table = self.per_user("effort", 2, patience.dtype)
        is_by_act = table.shape[-1:] == [len(Act)]
        # A number for each user is [B, 1].
        table = tf.broadcast_to(table, [*table.shape[:-1], len(Act)])
        efforts = nests.lookup(table, act, 1)
        if not is_by_act:
            efforts = tf.where(act == Act.SILENT, tf.zeros([], patience.dtype), efforts)
        return patience - efforts - annoyance


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


def _under(attributes: tf.Tensor, query: Query, act: Act) -> tf.Tensor:
    """Attributes [B, A] of users who meet an act, zeros for others."""
    return attributes * tf.cast(is_act(query.act, act), attributes.dtype)[:, tf.newaxis]
