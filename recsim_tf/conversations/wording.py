"""Conversations in words."""

from collections.abc import Sequence

import numpy as np

from recsim_tf.conversations.acts import (
    DONT_KNOW,
    NUM_RATINGS,
    YES,
    Act,
    Mode,
    alphabet,
)
from recsim_tf.core.wording import Wording
from recsim_tf.language import Channel


class ConversationWording(Wording):
    """What the system does and what the user replies, with attributes by their names.

    Args:
      attribute_names: of the A attributes.
      channel: makes sentences of the words of users; None for users who do not speak.
    """

    def __init__(self, attribute_names: Sequence[str], channel: Channel | None = None):
        self._names = attribute_names
        self._channel = channel

    def query(self, query, documents):
        act = Act(int(query.act))
        attributes = [self._names[each] for each in query.attributes if each >= 0]
        has_first = bool(query.attributes[0] >= 0)
        if act is Act.RECOMMEND:
            return "recommends"
        if act is Act.ENDORSE:
            return "endorses 1" + (f" for its {attributes[0]}" if has_first else "")
        if act is Act.COMPARE:
            return "asks: which of these do you like best?"
        if act is Act.CHIPS:
            return f"shows the chips {', '.join(attributes)}"
        if act is Act.RESPOND:
            return "responds"
        if act is Act.ASK:
            has_anchor = documents[0] is not None
            if not has_first:
                return "asks: do you like 1?" if has_anchor else "asks: what would you like?"
            return f"asks: more {attributes[0]}" + (" than 1?" if has_anchor else "?")
        return "says nothing"

    def document(self, document):
        return f"item {document.item_id}"

    def response(self, response, documents, query):
        meaning = self._meaning(response, documents)
        if self._channel is None:
            return meaning
        said = str(self._channel.text(np.asarray(response.words)))
        return f'says: "{said}" ({meaning})' if said else meaning

    def _meaning(self, response, documents) -> str:
        mode, value = (
            int(each) for each in alphabet(len(documents), len(self._names)).split(response.symbol)
        )
        if mode == Mode.NOTHING:
            return "says nothing"
        if mode == Mode.CHOOSE:
            if value == len(documents):
                return "wants none of them"
            takes = "takes" if response.accepted[value] else "prefers"
            return f"{takes} {value + 1}"
        if mode == Mode.ANSWER:
            answer = {YES: "yes", DONT_KNOW: "I don't know"}.get(value, "no")
            return f"answers: {answer}"
        if mode == Mode.RATE:
            return f"rates 1 at {value} of {NUM_RATINGS - 1}"
        if mode == Mode.INQUIRE:
            return "asks about 1"
        if mode == Mode.REQUEST:
            return "asks for something else"
        if mode == Mode.REMARK:
            return "makes a remark"
        if mode == Mode.CRITIQUE:
            more = value < len(self._names)
            attribute = self._names[value % len(self._names)]
            return f"wants 1, but {'more' if more else 'less'} {attribute}"
        return f"wants more {self._names[value]}"

    def user(self, user):
        return {"patience": user.patience, "trust": user.trust}
