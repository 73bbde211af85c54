"""The key-terms environment: its models in one call."""

from typing import Any

import gin
import tensorflow as tf

from recsim_tf.core.models import DocumentModel, UserModel
from recsim_tf.core.simulator import Simulator
from recsim_tf.environments.key_terms.documents import KeyTermDocuments
from recsim_tf.environments.key_terms.users import KeyTermUsers


@gin.configurable
def key_terms(
    users: UserModel | None = None,
    documents: DocumentModel | None = None,
    num_offered_arms: int = 50,
    dtype: tf.DType = tf.float32,
    **simulator: Any,
) -> Simulator:
    """Key terms, "KeyTerms-v0": users like arms by a hidden linear taste, and may be asked whether
    they like the key-terms of the arms. The synthetic world of conversational bandits (Zhang et al.
    2020, arXiv 1906.01219; Xie et al. 2021, SIGIR).

    Observation: `user` [B, 0], nothing. `documents` has the `item_id` int32 [B, N], `is_key_term`
    [B, N], 0 or 1, and `features` [B, N, F] of each candidate, arms first. `response` to the last
    slate has `clicked`, `asked` and `answer` [B, K], 0 or 1, `item_id` int32 [B, K] and `features`
    [B, K, F] of what was shown. Reward: number of arms that were liked; a key-term earns nothing. A
    user leaves after 400 rounds in which an arm was shown, or the time limit truncates the session.

    To show a key-term is to ask for it: see `recsim_tf.environments.key_terms.documents`.

        simulator = recsim_tf.make("KeyTerms-v0")
        state = simulator.reset(num_users=200, seed=0)

    Args:
      users: the user model, default `KeyTermUsers(dtype=dtype)`.
      documents: the document model, default `KeyTermDocuments(num_offered_arms=num_offered_arms,
        dtype=dtype)`.
      num_offered_arms: how many candidates are arms, of the default document model.
      dtype: tf.float32 or tf.float64, of the default models.
      **simulator: further arguments of `Simulator`; by default slates of one item, 50 arms and all
        500 key-terms as candidates, and sessions of at most 500 steps, so 100 questions.
    """
    users = users or KeyTermUsers(dtype=dtype)
    documents = documents or KeyTermDocuments(num_offered_arms=num_offered_arms, dtype=dtype)
    defaults = {"slate_size": 1, "num_candidates": 550, "max_steps": 500}
    return Simulator(users, documents, **{**defaults, **simulator})
