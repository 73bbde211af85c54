"""Intents: users whose intent nobody sees, and whose satisfaction falls where slates miss it. It is
not registered.
"""

from recsim_tf.environments.intents.documents import IntentDocuments
from recsim_tf.environments.intents.environment import intents
from recsim_tf.environments.intents.users import IntentState, IntentUsers

__all__ = ["IntentDocuments", "IntentState", "IntentUsers", "intents"]
