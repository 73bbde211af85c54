# SPDX-License-Identifier: Apache-2.0
"""Conversations in words: replies as records and as phrases of a grammar, turns as sentences."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from recsim_tf.conversations.acts import DONT_KNOW, NO, NUM_RATINGS, YES, Act, Mode, alphabet
from recsim_tf.core.base.arguments import Count, checked, configurable
from recsim_tf.core.base.ranges import shown
from recsim_tf.core.base.types import Nest
from recsim_tf.core.models.wording import Wording
from recsim_tf.language import Channel, Grammar
from recsim_tf.language.vocabulary import split_words

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
_ANSWERS = {NO: "no", YES: "yes", DONT_KNOW: "don't know"}
_SAID = {
    "nothing": ["hm"],
    "inquire": ["what is it about", "who is in it"],
    "request": ["what else is there", "do you have others"],
    "remark": ["thank you", "hello there"],
}
_ANSWERED = {
    "no": ["no", "no thanks", "not really"],
    "yes": ["yes", "yes please", "sure"],
    "don't know": ["not sure", "i do not know"],
}
_TOLD = {
    "nothing": "says nothing",
    "inquire": "asks about 1",
    "request": "asks for something else",
    "remark": "makes a remark",
}
_RATED = ("i hate it", "i do not like it", "it is okay", "i like it", "i love it")


@checked
def described_replies(slate_size: Count, attribute_names: Sequence[str]) -> list[dict[str, Any]]:
    """The meanings of the R symbols of replies, a dict for each symbol in order. It has the `mode`,
    in lower case, and by mode

      choose: `position`, from 0, or None for none of the items.
      answer: `answer`, one of "no", "yes" and "don't know".
      rate: `rating`, from 0 to 4.
      critique: `attribute`, a name, and `more`, True or False.
      refine: `attribute`, a name.

    Args:
      slate_size: size of slates K.
      attribute_names: names of the A attributes.
    """
    names, num_attributes = list(attribute_names), len(attribute_names)
    sizes = alphabet(slate_size, num_attributes).sizes

    def values(mode: Mode, value: int) -> dict[str, Any]:
        if mode is Mode.CHOOSE:
            return {"position": value if value < slate_size else None}
        if mode is Mode.ANSWER:
            return {"answer": _ANSWERS[value]}
        if mode is Mode.RATE:
            return {"rating": value}
        if mode is Mode.CRITIQUE:
            return {"attribute": names[value % num_attributes], "more": value < num_attributes}
        return {"attribute": names[value]} if mode is Mode.REFINE else {}

    return [
        {"mode": mode.name.lower()} | values(mode, value)
        for mode, size in zip(Mode, sizes, strict=True)
        for value in range(size)
    ]


@configurable
def reply_features(
    slate_size: int,
    num_attributes: int,
    modes: Sequence[str] = ("choose", "answer", "rate", "critique", "refine"),
) -> np.ndarray:
    """Features of the symbols of replies, for a `language.Recurrent`: float32 [R, F].

    They are the mode, one of nine; the chosen position, one of K + 1, the last for none; the degree
    of an answer or a rating, from -1 to 1, or -1 for "less" and 1 for "more"; and the attribute,
    one of A.

    Args:
      slate_size: size of slates K.
      num_attributes: number of attributes A.
      modes: the modes whose values have different words. The words of other modes depend on the
        mode alone.

    Raises:
      ValueError: for an unknown mode, or a size out of range.
    """
    mode_names = [mode.name.lower() for mode in Mode]
    unknown = [mode for mode in modes if mode not in mode_names]
    if unknown:
        raise ValueError(f"modes must be some of {', '.join(mode_names)}, got {unknown[0]!r}")
    names = range(num_attributes)
    replies = described_replies(slate_size, list(map(str, names)))
    positions = len(Mode)
    degree = positions + slate_size + 1
    attributes = degree + 1
    features = np.zeros([len(replies), attributes + num_attributes], np.float32)
    for row, reply in zip(features, replies, strict=True):
        row[mode_names.index(reply["mode"])] = 1
        if reply["mode"] not in modes:
            continue
        if "position" in reply:
            none = reply["position"] is None
            row[positions + (slate_size if none else reply["position"])] = 1
        if "answer" in reply:
            row[degree] = {"no": -1, "yes": 1}.get(reply["answer"], 0)
        if "rating" in reply:
            row[degree] = 2 * reply["rating"] / (NUM_RATINGS - 1) - 1
        if "more" in reply:
            row[degree] = 1 if reply["more"] else -1
        if "attribute" in reply:
            row[attributes + int(reply["attribute"])] = 1
    return features


@configurable
def conversation_grammar(
    slate_size: int,
    attribute_names: Sequence[str],
    slip: float = 0.02,
    dtype: tf.DType = tf.float32,
) -> Grammar:
    """A grammar of plain English phrases for the replies of `Conversation-v0`.

        ConversationUsers.channel = @conversation_grammar()
        conversation_grammar.slate_size = 3
        conversation_grammar.attribute_names = ("funny", "dark", "slow", "long", "old")

    Args:
      slate_size: size of slates K, at most 8.
      attribute_names: names of the A attributes, each a single word in lower case; all different.
      slip: see `Grammar.of_phrases`.
      dtype: dtype of the grammar's tables.

    Raises:
      ValueError: for a larger slate_size, or other attribute_names.
    """
    if slate_size > len(_ORDINALS):
        raise ValueError(f"slate_size must be at most {len(_ORDINALS)}, got {slate_size}")
    if not attribute_names or len(set(attribute_names)) != len(attribute_names):
        raise ValueError(f"attribute_names must be different names, got {attribute_names!r}")
    for index, name in enumerate(attribute_names):
        if not isinstance(name, str) or split_words([name]) != [[name]]:
            raise ValueError(
                f"attribute_names[{index}] must be one word in lower case without punctuation, got"
                f" {shown(name)}"
            )
    replies = described_replies(slate_size, attribute_names)
    return Grammar.of_phrases(
        {symbol: _phrases(reply) for symbol, reply in enumerate(replies)}, slip=slip, dtype=dtype
    )


def _phrases(reply: dict[str, Any]) -> list[str]:
    position: Any = reply.get("position")
    attribute = reply.get("attribute")
    match reply["mode"]:
        case "choose" if position is None:
            return ["none of them", "i want none of these"]
        case "choose":
            return [f"the {_ORDINALS[position]} one", f"i take the {_ORDINALS[position]}"]
        case "answer":
            return _ANSWERED[reply["answer"]]
        case "rate":
            return [_RATED[reply["rating"]]]
        case "critique":
            degree = "more" if reply["more"] else "less"
            return [f"like the first but {degree} {attribute}", f"{degree} {attribute} please"]
        case "refine":
            return [f"something {attribute}", f"i like it {attribute}"]
    return _SAID[reply["mode"]]


class ConversationWording(Wording):
    """Sentences for the acts of the system and the replies of users, with names of attributes.

    Args:
      attribute_names: names of the A attributes.
      channel: the channel that converts words of users to text; None for users who do not speak.
    """

    def __init__(self, attribute_names: Sequence[str], channel: Channel | None = None):
        self._names = attribute_names
        self._channel = channel

    def query(self, query: Nest, documents: Sequence[Nest | None]):
        attributes = [self._names[each] for each in query.attributes if each >= 0]
        first = self._names[query.attributes[0]] if query.attributes[0] >= 0 else None
        has_item = documents[0] is not None
        match Act(int(query.act)):
            case Act.RECOMMEND:
                return "recommends"
            case Act.ENDORSE:
                return f"endorses 1 for its {first}" if first else "endorses 1"
            case Act.COMPARE:
                return "asks: which of these do you like best?"
            case Act.CHIPS:
                return (
                    f"shows the chips {', '.join(attributes)}" if attributes else "shows no chips"
                )
            case Act.RESPOND:
                return "responds"
            case Act.ASK if first:
                return f"asks: more {first} than 1?" if has_item else f"asks: more {first}?"
            case Act.ASK:
                return "asks: do you like 1?" if has_item else "asks: what would you like?"
        return "says nothing"

    def document(self, document: Nest):
        return f"item {document.item_id}"

    def response(self, response: Nest, documents: Sequence[Nest | None], query: Nest):
        meaning = self._meaning(response, documents)
        if self._channel is None:
            return meaning
        said = str(self._channel.text(np.asarray(response.words)))
        return f'says: "{said}" ({meaning})' if said else meaning

    def _meaning(self, response: Nest, documents: Sequence[Nest | None]) -> str:
        reply = described_replies(len(documents), self._names)[int(response.symbol)]
        position: Any = reply.get("position")
        attribute = reply.get("attribute")
        match reply["mode"]:
            case "choose" if position is None:
                return "wants none of them"
            case "choose":
                return f"{'takes' if response.accepted[position] else 'prefers'} {position + 1}"
            case "answer":
                return f"answers: {reply['answer'].replace('don', 'I don')}"
            case "rate":
                return f"rates 1 at {reply['rating']} of {NUM_RATINGS - 1}"
            case "critique":
                return f"wants 1, but {'more' if reply['more'] else 'less'} {attribute}"
            case "refine":
                return f"wants more {attribute}"
        return _TOLD[reply["mode"]]

    def user(self, user: Nest):
        return {"patience": user.patience, "trust": user.trust}
