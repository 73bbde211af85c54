"""Intents: the models in one call."""

from typing import Any

import gin
import tensorflow as tf

from recsim_tf.core.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.intents.documents import IntentDocuments
from recsim_tf.environments.intents.users import IntentUsers


@gin.configurable
def intents(
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    dtype: tf.DType = tf.float32,
    **simulator: Any,
) -> Simulator:
    """Users whose intent nobody sees, RecSim NG 0.1.2's demonstration of learning with latent
    variables.

    Observation: `user` [B, 0], nothing; `documents` [B, N, F]; `response` has `clicked` [B, K].
    Reward: number of choices, 0 or 1.

    Args:
      users: the user model, default `IntentUsers(dtype=dtype)`.
      documents: the document model, default `IntentDocuments(dtype=dtype)`.
      dtype: tf.float32 or tf.float64, of the default models.
      **simulator: further arguments of `Simulator`; by default slates of all 4 documents.

    Raises:
      ValueError: if users and documents differ in their number of features.
    """
    users = users or IntentUsers(dtype=dtype)
    documents = documents or IntentDocuments(dtype=dtype)
    return Simulator(users, documents, **{"slate_size": 4, "num_candidates": 4, **simulator})
