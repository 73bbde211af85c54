"""Conversations: the system recommends, endorses, compares, asks and shows chips; users choose,
answer, rate, critique and refine.
"""

from recsim_tf.conversations.acts import (
    DONT_KNOW,
    NO,
    YES,
    Act,
    Mode,
    alphabet,
    query,
    query_spec,
)
from recsim_tf.conversations.documents import Items
from recsim_tf.conversations.environment import (
    chosen_utility,
    conversation,
    conversation_reward,
)
from recsim_tf.conversations.phrases import (
    conversation_grammar,
    described_replies,
    reply_features,
)
from recsim_tf.conversations.types import (
    Item,
    ObservedResponse,
    ObservedUser,
    Query,
    Reply,
    Response,
    Traits,
    UserState,
    Utterance,
)
from recsim_tf.conversations.users import ConversationUsers

__all__ = [
    "DONT_KNOW",
    "NO",
    "YES",
    "Act",
    "ConversationUsers",
    "Item",
    "Items",
    "Mode",
    "ObservedResponse",
    "ObservedUser",
    "Query",
    "Reply",
    "Response",
    "Traits",
    "UserState",
    "Utterance",
    "alphabet",
    "chosen_utility",
    "conversation",
    "conversation_grammar",
    "conversation_reward",
    "described_replies",
    "query",
    "query_spec",
    "reply_features",
]
