"""Evaluation of policies: sessions of fresh users, measures of them, comparisons of values."""

import recsim_tf._tf_agents  # noqa: F401  # It imports TF-Agents.
from recsim_tf.evaluation.evaluation import Evaluation

__all__ = ["Evaluation"]
