"""Evaluation of policies: sessions of fresh users, measures of them, comparisons of values."""

from recsim_tf.evaluation import corpus_measures as _corpus_measures  # noqa: F401 names in gin
from recsim_tf.evaluation.evaluation import Evaluation
from recsim_tf.evaluation.measures import Measure
from recsim_tf.evaluation.value import value
from recsim_tf.support.means import Mean

__all__ = ["Evaluation", "Mean", "Measure", "value"]
