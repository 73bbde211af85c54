"""The drifting-taste environment: its models in one call."""

from typing import Any

import gin
import tensorflow as tf

from recsim_tf.core.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.drifting_taste.documents import Catalogue
from recsim_tf.environments.drifting_taste.users import DriftingTasteUsers


@gin.configurable
def drifting_taste(
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    dtype: tf.DType = tf.float32,
    **simulator: Any,
) -> Simulator:
    """Drifting taste, "DriftingTaste-v0": users choose from a shared catalogue by a hidden taste,
    which drifts towards what they choose.

    Observation: `user` [B, 0], nothing. `documents` has the `item_id` int32 [B, N], `bias` [B, N],
    `factors` and `pull` [B, N, F] of each candidate; with `Catalogue(ids_only=True)` it is the ids
    alone. `response` to the last slate has `clicked` [B, K] and `item_id` int32 [B, K]. Reward:
    number of choices, 0 or 1. Users do not leave: the time limit truncates a session.

        simulator = recsim_tf.make("DriftingTaste-v0", slate_size=5, num_candidates=20)
        state = simulator.reset(num_users=1000, seed=0)

    Args:
      users, documents: the models, by default `DriftingTasteUsers()` and
        `Catalogue()` of the dtype.
      **simulator: further arguments of `Simulator`; by default slates of 10 documents, and sessions
        of 100 steps.
    """
    users, documents = users or DriftingTasteUsers(dtype=dtype), documents or Catalogue(dtype=dtype)
    return Simulator(users, documents, **{"slate_size": 10, "max_steps": 100, **simulator})
