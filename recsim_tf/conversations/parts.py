# SPDX-License-Identifier: Apache-2.0
"""The parts of users: replies in each mode, changes of trust and patience, and dwell times."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.conversations.acts import NUM_RATINGS, Act, is_act
from recsim_tf.conversations.types import Query
from recsim_tf.core import nests
from recsim_tf.core.base import validation
from recsim_tf.core.base.arguments import configurable
from recsim_tf.core.base.parameters import Model, parameter
from recsim_tf.core.base.ranges import known_numbers, shown

_QUESTIONS = (Act.ASK, Act.COMPARE)


class Views(NamedTuple):
    """The views of B users on a turn with A attributes, which determine their replies."""

    ideal: tf.Tensor  # [B, A], degree of each attribute in the user's ideal item
    degree: tf.Tensor  # [B, A], degree of each attribute in item 0; 0 for an empty slate
    utility: tf.Tensor  # [B], utility of item 0; 0 for an empty slate


class UserPart(Model):
    """Parameters of a part of the users. Computations are in the dtype of the users."""

    def of(self, name: str, like: tf.Tensor) -> tf.Tensor:
        """A parameter that broadcasts against a tensor [B, ...], in the dtype of the tensor."""
        return self.per_user(name, like.shape.rank, like.dtype)


class Answers(UserPart):
    """Answers to questions: no, yes and "I don't know".

    A question is whether the ideal item has more of an attribute than the anchor, or than 0 without
    an anchor. The odds of yes against no are exp(sharpness * (ideal - degree)) (Biyik et al. 2023,
    arXiv 2311.02085). Without an attribute the question is whether the user likes the item, with
    the odds exp(sharpness * utility).

    Args:
      sharpness: factor of differences in degree, or of utilities.
      dont_know: logit of "I don't know" against both other answers; -inf if users always know.
    """

    sharpness: Any = parameter(3.0)
    dont_know: Any = parameter(-1.0, low=-float("inf"))

    def log_probs(self, query: Query, views: Views) -> tf.Tensor:
        """The log-probabilities of the answers, [B, 3]."""
        asked = query.attributes[:, 0]
        gap = views.ideal - views.degree
        gap = tf.reduce_sum(tf.one_hot(asked, gap.shape[-1], dtype=gap.dtype) * gap, axis=-1)
        logit = self.of("sharpness", gap) * tf.where(asked >= 0, gap, views.utility)
        unsure = tf.zeros_like(logit) + self.of("dont_know", gap)
        weights = [tf.math.log_sigmoid(-logit), tf.math.log_sigmoid(logit), unsure]
        return tf.nn.log_softmax(tf.stack(weights, axis=-1))


@configurable
class Ratings(UserPart):
    """Ratings of item 0, from 0 to 4: an ordered logit of sharpness * utility.

    Args:
      logit: logit of the mode; -inf if users never rate.
      sharpness: factor of utilities.
      cuts: increasing cuts, [4].

    Raises:
      ValueError: for another number of cuts, or cuts that do not increase.
    """

    logit: Any = parameter(-2.0, low=-float("inf"))
    sharpness: Any = parameter(1.5)
    cuts: Any = parameter((-1.5, -0.5, 0.5, 1.5), rank=1)

    def check(self):
        validation.check_table("cuts", self.cuts, cuts=NUM_RATINGS - 1)
        cuts = known_numbers("cuts", self.cuts)
        if cuts is not None and (np.diff(cuts) <= 0).any():
            raise ValueError(f"cuts must be increasing, got {shown(cuts.tolist())}")

    def log_probs(self, views: Views) -> tf.Tensor:
        """The log-probabilities of the ratings, [B, 5]."""
        cuts = self.per_user("cuts", 2, views.utility.dtype)
        loc = self.of("sharpness", views.utility) * views.utility
        return tfd.OrderedLogistic(cutpoints=cuts, loc=loc).categorical_log_probs()


@configurable
class Critiques(UserPart):
    """Critiques of item 0, which ask for more or for less of an attribute.

    Args:
      logit: logit of the mode, to which talkativeness is added; -inf if users never critique.
      sharpness: factor of ideal - degree.
      explanation: additional logit of the attribute that an endorsement names.
    """

    logit: Any = parameter(-1.0, low=-float("inf"))
    sharpness: Any = parameter(2.0)
    explanation: Any = parameter(0.5)

    def log_probs(self, query: Query, views: Views) -> tf.Tensor:
        """The log-probabilities of more of each attribute, then of less of each, [B, 2A]."""
        gap = self.of("sharpness", views.ideal) * (views.ideal - views.degree)
        named = tf.one_hot(query.attributes[:, 0], gap.shape[-1], dtype=gap.dtype)
        added = self.of("explanation", gap) * _under(named, query, Act.ENDORSE)
        return tf.nn.log_softmax(tf.concat([gap + added, added - gap], axis=-1))


@configurable
class Refinements(UserPart):
    """Refinements: the attribute that a user wants more of.

    Args:
      logit: logit of the mode, to which talkativeness is added; -inf if users never refine.
      sharpness: factor of the ideal degree.
      salience: additional logit of attributes that are shown as chips.
    """

    logit: Any = parameter(-2.0, low=-float("inf"))
    sharpness: Any = parameter(2.0)
    salience: Any = parameter(1.0)

    def log_probs(self, query: Query, views: Views) -> tf.Tensor:
        """The log-probabilities of the attributes, [B, A]."""
        ideal = views.ideal
        chips = tf.one_hot(query.attributes, ideal.shape[-1], dtype=ideal.dtype)
        offered = _under(tf.reduce_max(chips, axis=1), query, Act.CHIPS)
        scores = self.of("sharpness", ideal) * ideal
        return tf.nn.log_softmax(scores + self.of("salience", ideal) * offered)


class Trust(UserPart):
    """Trust in endorsements. After an endorsement whose item is accepted it changes by rate *
    (sigmoid(utility) - 1/2). It is never negative.

    Args:
      initial: trust at the start of a session.
      rate: rate of change.
      endorsement: utility that an endorsement adds at a trust of 1.
    """

    initial: Any = parameter(1.0, low=0)
    rate: Any = parameter(0.5)
    endorsement: Any = parameter(0.6)

    def after(self, trust: tf.Tensor, endorsed: tf.Tensor, utility: tf.Tensor) -> tf.Tensor:
        """The trust [B] after a turn, from the trust [B] before it. `endorsed` [B] is 1 if the user
        accepted an endorsed item of this utility [B], else 0.
        """
        liked = tf.sigmoid(utility) - 0.5
        return tf.maximum(trust + self.of("rate", trust) * endorsed * liked, 0)


@configurable
class Patience(UserPart):
    """Patience. It falls by the effort of the act, and by `annoyance` for a question that follows a
    question. A user leaves with probability sigmoid(-patience / scale).

    Args:
      initial: patience at the start of a session.
      effort: efforts by act, [7]; or a number for all acts except silence, which has no effort.
      annoyance: loss of patience from a question after a question.
      scale: scale of patience; positive.

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
        """The patience [B] after a turn, from the patience [B] before it and acts int32 [B]."""
        asks_again = is_act(act, *_QUESTIONS) & is_act(last_act, *_QUESTIONS)
        zero = tf.zeros([], patience.dtype)
        annoyance = tf.where(asks_again, self.of("annoyance", patience), zero)
        table = self.per_user("effort", 2, patience.dtype)
        is_by_act = table.shape[-1:] == [len(Act)]
        # Numbers for each user have shape [B, 1].
        table = tf.broadcast_to(table, [*table.shape[:-1], len(Act)])
        efforts = nests.lookup(table, act, 1)
        if not is_by_act:
            efforts = tf.where(act == Act.SILENT, zero, efforts)
        return patience - efforts - annoyance


class Dwell(UserPart):
    """The time in seconds that users spend on a chosen item. Its log is Normal(loc + gain *
    utility, scale).

    Args:
      loc, gain, scale: parameters of the normal distribution; the scale is positive.
    """

    loc: Any = parameter(3.0)
    gain: Any = parameter(0.5)
    scale: Any = parameter(0.5, above=0)

    def mean_log(self, utility: tf.Tensor) -> tf.Tensor:
        """The mean [B, ...] of the log-time at utilities [B, ...]."""
        return self.of("loc", utility) + self.of("gain", utility) * utility

    def stddev_log(self, like: tf.Tensor) -> tf.Tensor:
        """The standard deviation [B] of the log-time, with the users and dtype of a tensor [B]."""
        return tf.zeros_like(like) + self.of("scale", like)


def _under(attributes: tf.Tensor, query: Query, act: Act) -> tf.Tensor:
    """Attributes [B, A] of users with the given act, and zeros for other users."""
    return attributes * tf.cast(is_act(query.act, act), attributes.dtype)[:, tf.newaxis]
