# SPDX-License-Identifier: Apache-2.0
"""Evaluation of policies: sessions of fresh users, measures of them, comparisons of values."""

from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.evaluation.measures import Measure
from recsim_tf.evaluation.value import value
from recsim_tf.support.means import Mean

__all__ = ["Evaluation", "Mean", "Measure", "value"]
