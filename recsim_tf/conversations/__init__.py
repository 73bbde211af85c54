# SPDX-License-Identifier: Apache-2.0
"""Conversations: the system recommends, endorses, compares, asks and shows chips; users choose,
answer, rate, critique and refine.
"""

from recsim_tf.conversations.acts import Act, Mode, query
from recsim_tf.conversations.dialogues import DialogueUsers
from recsim_tf.conversations.documents import Items
from recsim_tf.conversations.environment import chosen_utility, conversation, conversation_reward
from recsim_tf.conversations.phrases import conversation_grammar, described_replies, reply_features
from recsim_tf.conversations.users import ConversationUsers

__all__ = [
    "Act",
    "ConversationUsers",
    "DialogueUsers",
    "Items",
    "Mode",
    "chosen_utility",
    "conversation",
    "conversation_grammar",
    "conversation_reward",
    "described_replies",
    "query",
    "reply_features",
]
