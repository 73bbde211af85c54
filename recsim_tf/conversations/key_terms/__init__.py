# SPDX-License-Identifier: Apache-2.0
"""Key terms: an environment for conversational bandits. Users like arms by hidden linear tastes,
and answer whether they like key-terms of these arms.
"""

from recsim_tf.conversations.key_terms.documents import KeyTermDocuments
from recsim_tf.conversations.key_terms.users import KeyTermUsers, key_terms

__all__ = ["KeyTermDocuments", "KeyTermUsers", "key_terms"]
