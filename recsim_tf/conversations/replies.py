"""How users reply in each mode: the logit of the mode, and log-probabilities of its values."""

from typing import Any, NamedTuple

import gin
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.conversations.acts import NUM_RATINGS, Act, is_act
from recsim_tf.conversations.attributes import of_attribute
from recsim_tf.conversations.types import Query
from recsim_tf.core import validation
from recsim_tf.core.parameters import Model, parameter


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


@gin.configurable
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
        gap = of_attribute(views.ideal - views.degree, asked)
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


def _under(attributes: tf.Tensor, query: Query, act: Act) -> tf.Tensor:
    """Attributes [B, A] of users who meet an act, zeros for others."""
    return attributes * tf.cast(is_act(query, act), attributes.dtype)[:, tf.newaxis]
