"""Joint distributions of named parts."""

import inspect
from typing import Any

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core import random

_NAMED: Any = random.public_or_private(tfd.JointDistributionNamed)


def log_prob(distribution: tfd.Distribution, draw) -> tf.Tensor:
    """[B]: the log-probability of a draw.

    It is `distribution.log_prob(draw)`. For a `tfd.JointDistributionNamed` the parts are scored one
    by one, since TensorFlow Probability traces the whole model once more to learn its shapes. That
    takes most of the time in which a step is traced, or run eagerly.
    """
    if not isinstance(distribution, _NAMED):
        return distribution.log_prob(draw)
    model = distribution.model
    # A model is a dict or a NamedTuple.
    fields, draws = (each if isinstance(each, dict) else each._asdict() for each in (model, draw))
    total = 0.0
    for name, field in fields.items():
        part = field
        if not isinstance(field, tfd.Distribution):
            part = field(*(draws[parent] for parent in inspect.signature(field).parameters))
        total += log_prob(part, draws[name])
    return total
