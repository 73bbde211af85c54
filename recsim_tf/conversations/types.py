"""The records of conversations. B users, K positions, A attributes, C chips, F factors."""

from typing import Any, NamedTuple

import tensorflow as tf

# Stands for a number that is not known.
UNKNOWN = -1


class Query(NamedTuple):
    """What the system says or asks beside a slate."""

    act: Any  # int32 [B], an `Act`
    attributes: Any  # int32 [B, C], in [0, A); -1 where none is named


class Traits(NamedTuple):
    """What makes users differ at the start of a session, or the distributions of it."""

    taste: Any  # [B, F]
    senses: Any  # int32 [B, A], in [0, S): what the user means by each attribute
    talkativeness: Any  # [B], a logit that critiques and refinements have more


class UserState(NamedTuple):
    """State of users."""

    taste: tf.Tensor  # [B, F]
    senses: tf.Tensor  # int32 [B, A]
    talkativeness: tf.Tensor  # [B]
    trust: tf.Tensor  # [B], what an endorsement counts
    patience: tf.Tensor  # [B], falls with every turn
    refinements: tf.Tensor  # [B, A], how often the user has asked for more of each attribute
    last_act: tf.Tensor  # int32 [B], 0 before the first turn
    accepted: tf.Tensor  # bool [B], whether the last turn ended in an accepted item
    offers: Any = ()  # of `DialogueUsers`: their `Offers`


class ObservedUser(NamedTuple):
    """What an agent sees of users."""

    taste: tf.Tensor  # [B, F], or [B, 0] where tastes are hidden
    refinements: tf.Tensor  # [B, A]


class Item(NamedTuple):
    """Items; leading axes [B, N] or [B, K]."""

    item_id: tf.Tensor  # int32 [...], in [0, D)
    bias: tf.Tensor  # [...], how much anybody likes it
    factors: tf.Tensor  # [..., F], what a taste likes it for


class Reply(NamedTuple):
    """A reply as far as it is known. The mode follows from the symbol. A log may know the mode
    alone, or neither.
    """

    mode: Any  # int32 [...], a `Mode`, or `UNKNOWN`
    symbol: Any  # int32 [...], of `acts.alphabet`, or `UNKNOWN`


class ReplyDraw(NamedTuple):
    """The draw of a response without words, or its distributions."""

    symbol: Any  # int32 [B], of `choice.Alternatives`: the mode and its value
    dwell: Any  # [B], seconds spent on the chosen item; where none is, it means nothing


class Utterance(NamedTuple):
    """The draw of a response in words."""

    reply: Reply  # of [B]
    dwell: Any  # [B], seconds spent on the chosen item, 0 where none is, or `UNKNOWN`
    words: Any  # int32 [B, L], of `language.Channel`


class Response(NamedTuple):
    """The response to a turn, with what the turn was. Agents do not see the utility; those that
    hear words alone do not see the first four fields either. What they do not see is ().
    """

    clicked: Any  # [B, K], 1 at the chosen position
    accepted: Any  # [B, K], 1 where the chosen item is what the user takes
    dwell: Any  # [B, K], seconds spent on the chosen item
    symbol: Any  # int32 [B]: 0 is no reply
    act: tf.Tensor  # int32 [B]
    attributes: tf.Tensor  # int32 [B, C]
    item_id: tf.Tensor  # int32 [B, K], of every item shown; -1 where none is
    utility: Any  # [B, K]
    words: Any  # int32 [B, L], of the reply; () where users do not speak
