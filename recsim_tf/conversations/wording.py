"""Conversations in words."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from recsim_tf.conversations.acts import NUM_RATINGS, Act
from recsim_tf.conversations.phrases import described_replies
from recsim_tf.core.types import Nest
from recsim_tf.core.wording import Wording
from recsim_tf.language import Channel

_OTHERS = {
    "nothing": "says nothing",
    "inquire": "asks about 1",
    "request": "asks for something else",
    "remark": "makes a remark",
}


class ConversationWording(Wording):
    """What the system does and what the user replies, with attributes by their names.

    Args:
      attribute_names: of the A attributes.
      channel: makes sentences of the words of users; None for users who do not speak.
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
                return f"shows the chips {', '.join(attributes)}"
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
        return _OTHERS[reply["mode"]]

    def user(self, user: Nest):
        return {"patience": user.patience, "trust": user.trust}
