"""How users reply to a turn: log-probabilities of the values in each mode."""

from typing import NamedTuple

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.conversations import attributes
from recsim_tf.conversations.types import Query


class Views(NamedTuple):
    """What a user holds of a turn, from which the replies follow. B users, A attributes."""

    ideal: tf.Tensor  # [B, A], how much of each attribute the user's ideal item has
    degree: tf.Tensor  # [B, A], how much item 0 has; 0 where the slate is empty
    utility: tf.Tensor  # [B], of item 0; 0 where the slate is empty


def answers(query: Query, views: Views, sharpness, dont_know) -> tf.Tensor:
    """Log-probabilities [B, 3] of no, yes and "I don't know".

    The odds of yes against no are exp(sharpness * (ideal - degree)): whether the ideal item has
    more of the attribute than the anchor, or than 0 where there is no anchor (Biyik et al. 2023,
    arXiv 2311.02085). Without an attribute the question is whether the user likes the item, with
    the odds exp(sharpness * utility). "I don't know" has the odds exp(dont_know) against both.
    """
    asked = query.attributes[:, 0]
    gap = attributes.at(views.ideal - views.degree, asked)
    logit = sharpness * tf.where(asked >= 0, gap, views.utility)
    weights = tf.stack(
        [
            tf.math.log_sigmoid(-logit),
            tf.math.log_sigmoid(logit),
            tf.zeros_like(logit) + dont_know,
        ],
        axis=-1,
    )
    return tf.nn.log_softmax(weights)


def ratings(views: Views, sharpness, cuts) -> tf.Tensor:
    """Log-probabilities [B, 5] of ratings of item 0: an ordered logit of sharpness * utility."""
    return tfd.OrderedLogistic(
        cutpoints=cuts, loc=sharpness * views.utility
    ).categorical_log_probs()


def critiques(views: Views, sharpness, explained: tf.Tensor) -> tf.Tensor:
    """Log-probabilities [B, 2A] of critiques of item 0: more of attribute a, then less of it.

    Args:
      views: of the users.
      sharpness: [B, 1], of ideal - degree.
      explained: [B, A], what is added for the attribute that an endorsement named.
    """
    gap = sharpness * (views.ideal - views.degree)
    return tf.nn.log_softmax(tf.concat([gap + explained, explained - gap], axis=-1))


def refinements(views: Views, sharpness, offered: tf.Tensor) -> tf.Tensor:
    """Log-probabilities [B, A] of the attribute that a user wants more of.

    Args:
      views: of the users.
      sharpness: [B, 1], of the ideal.
      offered: [B, A], what is added for the attributes that are shown as chips.
    """
    return tf.nn.log_softmax(sharpness * views.ideal + offered)
