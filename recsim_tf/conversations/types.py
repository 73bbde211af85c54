# SPDX-License-Identifier: Apache-2.0
"""The records of conversations, for B users, K positions, A attributes, C chips and F factors."""

from typing import Any, NamedTuple

import tensorflow as tf

UNKNOWN = -1  # an unknown number


class Query(NamedTuple):
    """The system's query beside a slate."""

    act: Any  # int32 [B], an `Act`
    attributes: Any  # int32 [B, C], in [0, A); -1 for no attribute


class Traits(NamedTuple):
    """The traits of users at the start of a session, or their distributions."""

    taste: Any  # [B, F]
    senses: Any  # int32 [B, A], in [0, S), the user's sense of each attribute
    talkativeness: Any  # [B], additional logit of critiques and refinements


class UserState(NamedTuple):
    """State of users."""

    taste: tf.Tensor  # [B, F]
    senses: tf.Tensor  # int32 [B, A]
    talkativeness: tf.Tensor  # [B]
    trust: tf.Tensor  # [B], the weight of an endorsement
    patience: tf.Tensor  # [B], falls with every turn
    refinements: tf.Tensor  # [B, A], number of refinements by each attribute
    last_act: tf.Tensor  # int32 [B], 0 before the first turn
    accepted: tf.Tensor  # bool [B], whether the last turn ended in an accepted item
    offers: Any = ()  # the `Offers` of `DialogueUsers`


class ObservedUser(NamedTuple):
    """The agents' observation of users."""

    taste: tf.Tensor  # [B, F], or [B, 0] if tastes are hidden
    refinements: tf.Tensor  # [B, A]


class Item(NamedTuple):
    """Items with leading axes [B, N] or [B, K]."""

    item_id: tf.Tensor  # int32 [...], in [0, D)
    bias: tf.Tensor  # [...], the part of the utility that does not depend on the taste
    factors: tf.Tensor  # [..., F], factors of the inner product with the taste


class Reply(NamedTuple):
    """A reply. The symbol determines the mode. A log may have the mode alone, or neither."""

    mode: Any  # int32 [...], a `Mode`, or `UNKNOWN`
    symbol: Any  # int32 [...], of `acts.alphabet`, or `UNKNOWN`


class ReplyDraw(NamedTuple):
    """The draw of a response without words, or its distributions."""

    symbol: Any  # int32 [B], of `choice.Alternatives`: the mode and its value
    dwell: Any  # [B], seconds spent on the chosen item; ignored without a choice


class Utterance(NamedTuple):
    """The draw of a response in words."""

    reply: Reply  # the reply, with fields [B]
    dwell: Any  # [B], seconds spent on the chosen item, 0 without a choice, or `UNKNOWN`
    words: Any  # int32 [B, L], words of a `language.Channel`


class Response(NamedTuple):
    """The response to a turn, with the turn. Agents do not observe the utility. Agents that observe
    words alone do not observe the first four fields either. Unobserved fields are ().
    """

    clicked: Any  # [B, K], 1 at the chosen position
    accepted: Any  # [B, K], 1 at the position of a chosen item that the user accepts
    dwell: Any  # [B, K], seconds spent on the chosen item
    symbol: Any  # int32 [B], 0 for no reply
    act: tf.Tensor  # int32 [B]
    attributes: tf.Tensor  # int32 [B, C]
    item_id: tf.Tensor  # int32 [B, K], ids of the items shown; -1 at empty positions
    utility: Any  # [B, K]
    words: Any  # int32 [B, L], words of the reply; () for users who do not speak
