"""The number of outcomes of distributions that have finitely many."""

import functools

from tensorflow_probability import distributions as tfd

from recsim_tf.core import random
from recsim_tf.core.distributions.categories import UniformCategories


@functools.singledispatch
def num_outcomes(distribution: tfd.Distribution) -> int | None:
    """The number C of outcomes, if draws are integers in 0..C-1 and C is known, else None.

    `num_outcomes.register` adds a finite family.
    """
    return None


@num_outcomes.register
def _(distribution: UniformCategories):
    return distribution.num_categories


@num_outcomes.register
def _(distribution: tfd.Categorical):
    return distribution.logits_parameter().shape[-1]


@num_outcomes.register
def _(distribution: tfd.Bernoulli):
    return 2


@num_outcomes.register(random.class_of_family(tfd.BatchBroadcast))
@num_outcomes.register(random.class_of_family(tfd.Masked))
def _(distribution: tfd.Distribution):
    return num_outcomes(distribution.distribution)
