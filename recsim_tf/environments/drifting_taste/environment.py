"""The drifting-taste environment: its models in one call."""

import gin
import tensorflow as tf

from recsim_tf.core.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator, click_reward
from recsim_tf.environments.drifting_taste.documents import Catalogue
from recsim_tf.environments.drifting_taste.users import DriftingTasteUsers


@gin.configurable
def drifting_taste(
    slate_size: int = 10,
    num_candidates: int = 10,
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    reward_fn=click_reward,
    resample_documents: bool = True,
    max_steps: int | None = 100,
    allow_duplicates: bool = False,
    validate: bool = False,
    dtype: tf.DType = tf.float32,
) -> Simulator:
    """Drifting taste, "DriftingTaste-v0": users choose from a shared catalogue by a hidden taste,
    which drifts towards what they choose.

    Observation: `user` [B, 0], nothing; `documents` the `item_id` int32 [B, N], `bias` [B, N],
    `factors` and `pull` [B, N, F] of each candidate, or the ids alone with
    `Catalogue(ids_only=True)`; `response` to the last slate: `clicked` [B, K] and `item_id` int32
    [B, K].
    Reward: number of choices, 0 or 1. Users do not leave: a session ends by the time limit, as
      truncated.

        simulator = recsim_tf.make("DriftingTaste-v0", slate_size=5, num_candidates=20)
        state = simulator.reset(num_users=1000, seed=0)

    Args:
      slate_size: K.
      num_candidates: N.
      users: the user model, default `DriftingTasteUsers(dtype=dtype)`.
      documents: the document model, default `Catalogue(dtype=dtype)`.
      reward_fn: maps a response to the reward [B].
      resample_documents: whether each step brings new candidates.
      max_steps: time limit of a session, None for no limit.
      allow_duplicates: whether a slate may show a candidate twice.
      validate: whether to check the values of slates.
      dtype: tf.float32 or tf.float64, of the default models.

    Raises:
      ValueError: if users and documents differ in their number of factors.
    """
    users = users or DriftingTasteUsers(dtype=dtype)
    documents = documents or Catalogue(dtype=dtype)
    of_users, of_documents = (getattr(model, "num_factors", None) for model in (users, documents))
    if None not in (of_users, of_documents) and of_users != of_documents:
        raise ValueError(
            f"documents must have the num_factors={of_users} of users, got {of_documents}"
        )
    return Simulator(
        users=users,
        documents=documents,
        slate_size=slate_size,
        num_candidates=num_candidates,
        reward_fn=reward_fn,
        resample_documents=resample_documents,
        max_steps=max_steps,
        allow_duplicates=allow_duplicates,
        validate=validate,
        name="DriftingTaste",
    )
