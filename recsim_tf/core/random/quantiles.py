# SPDX-License-Identifier: Apache-2.0
"""Draws of distributions through their inverse CDFs."""

import functools
import inspect
import math
from typing import Any

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from recsim_tf.core.random.generator import grid_step
from recsim_tf.core.random.seeds import Seed, as_seed, split_seed
from recsim_tf.core.random.uniforms import normal, open_uniform, uniform


def batch_shape(distribution: tfd.Distribution):
    """The batch shape of a distribution, static where it is known."""
    shape = distribution.batch_shape
    return shape if shape.is_fully_defined() else distribution.batch_shape_tensor()


def categorical_from_uniform(u: tf.Tensor, probs: tf.Tensor):
    """Inverse CDF of a categorical.

    Args:
      u: uniforms [...] in [0, 1).
      probs: [..., C], non-negative, with outer axes that broadcast to the shape of `u`; they need
        not sum to one.

    Returns:
      int32 [...], the category in [0, C). A category of weight zero is never returned.
    """
    cdf = tf.cumsum(probs, axis=-1)
    # Scaling by the total rather than dividing keeps rounding from reaching a last category of
    # weight zero.
    threshold = tf.expand_dims(u, -1) * cdf[..., -1:]
    return tf.reduce_sum(tf.cast(threshold >= cdf[..., :-1], tf.int32), axis=-1)


def category_and_rest(u: tf.Tensor, probs: tf.Tensor):
    """The category of `categorical_from_uniform`, and a second uniform that is independent of it:
    the position of the given uniform between the bounds of the category.

    A second draw can use it. It has fewer bits than the given uniform, the fewer the less probable
    the category is.

    Args:
      u, probs: see `categorical_from_uniform`.

    Returns:
      The category, int32 [...], and the second uniform, [...] in [0, 1).
    """
    cdf = tf.cumsum(probs, axis=-1)
    threshold = u * cdf[..., -1]
    inner = cdf[..., :-1]
    is_below = threshold[..., tf.newaxis] >= inner
    category = tf.reduce_sum(tf.cast(is_below, tf.int32), axis=-1)
    zero = tf.zeros([], cdf.dtype)
    # A sum of zeros is the lower bound of the first category.
    low = tf.reduce_max(tf.where(is_below, inner, zero), axis=-1) if inner.shape[-1] else zero
    is_category = tf.range(probs.shape[-1]) == category[..., tf.newaxis]
    width = tf.reduce_sum(tf.where(is_category, probs, zero), axis=-1)
    below_one = tf.constant(1 - grid_step(cdf.dtype), cdf.dtype)
    return category, tf.minimum(tf.math.divide_no_nan(threshold - low, width), below_one)


def class_of_family(family: type) -> type:
    """The class of every distribution that `family(...)` makes.

    A family that holds inner distributions makes objects of a private base class where these are no
    composite tensors. The distributions of this package are none.
    """
    base = family.__mro__[1]
    return base if base.__name__ == f"_{family.__name__}" else family


@functools.singledispatch
def sample(distribution: tfd.Distribution, seed: Seed):
    """One draw of every batch member of a TFP distribution.

    Families used by the models have an inverse CDF here. Any other distribution is drawn by its
    method `sample(seed=seed)`. `sample.register` adds a family.

    Args:
      distribution: a `tfd.Distribution`.
      seed: int32 [2], inside `paired` also [S, 2].

    Returns:
      A draw (a nest for joint distributions) with the shape batch_shape + event_shape.
    """
    return _sample_by_tfp(distribution, seed)


def _sample_by_tfp(distribution: tfd.Distribution, seed: Seed):
    seed = as_seed(seed)
    return distribution.sample(seed=seed if seed.shape.rank == 1 else seed[0])


@sample.register
def _(distribution: tfd.Uniform, seed: Seed):
    u = uniform(batch_shape(distribution), seed, distribution.dtype)
    low = tf.convert_to_tensor(distribution.low)
    return low + (distribution.high - low) * u


@sample.register
def _(distribution: tfd.Normal, seed: Seed):
    return distribution.loc + distribution.scale * normal(
        batch_shape(distribution), seed, distribution.dtype
    )


@sample.register
def _(distribution: tfd.LogNormal, seed: Seed):
    return tf.exp(
        distribution.loc
        + distribution.scale * normal(batch_shape(distribution), seed, distribution.dtype)
    )


@sample.register
def _(distribution: tfd.TruncatedNormal, seed: Seed):
    # Draws lose all digits if the interval is more than about 5 standard deviations from the mean,
    # or 8 in float64.
    loc, scale = tf.convert_to_tensor(distribution.loc), tf.convert_to_tensor(distribution.scale)
    low, high = (
        tf.math.erf((end - loc) / scale / math.sqrt(2.0))
        for end in (distribution.low, distribution.high)
    )
    u = open_uniform(batch_shape(distribution), seed, distribution.dtype)
    draw = loc + scale * math.sqrt(2.0) * tf.math.erfinv(low + u * (high - low))
    return tf.clip_by_value(draw, distribution.low, distribution.high)


@sample.register
def _(distribution: tfd.Exponential, seed: Seed):
    u = open_uniform(batch_shape(distribution), seed, distribution.dtype)
    return -tf.math.log(u) / distribution.rate


@sample.register
def _(distribution: tfd.Bernoulli, seed: Seed):
    probs = distribution.probs_parameter()
    return tf.cast(
        uniform(batch_shape(distribution), seed, probs.dtype) < probs, distribution.dtype
    )


@sample.register
def _(distribution: tfd.Categorical, seed: Seed):
    probs = distribution.probs_parameter()
    u = uniform(batch_shape(distribution), seed, probs.dtype)
    return tf.cast(categorical_from_uniform(u, probs), distribution.dtype)


@sample.register(class_of_family(tfd.BatchBroadcast))
def _(distribution: tfd.Distribution, seed: Seed):
    inner = distribution.distribution
    if not isinstance(inner, tfd.Categorical):
        return _sample_by_tfp(distribution, seed)
    # The few different tables of probabilities broadcast against the uniforms. A table for each
    # user would be a large constant for XLA.
    probs = inner.probs_parameter()
    u = uniform(batch_shape(distribution), seed, probs.dtype)
    return tf.cast(categorical_from_uniform(u, probs), distribution.dtype)


@sample.register(class_of_family(tfd.Independent))
def _(distribution: tfd.Distribution, seed: Seed):
    return sample(distribution.distribution, seed)


@sample.register(class_of_family(tfd.Masked))
def _(distribution: tfd.Distribution, seed: Seed):
    draw = sample(distribution.distribution, seed)
    safe = distribution.safe_sample_fn(distribution.distribution)
    mask = tf.convert_to_tensor(distribution.validity_mask)
    mask = tf.reshape(
        mask,
        tf.concat([tf.shape(mask), tf.ones([draw.shape.rank - mask.shape.rank], tf.int32)], axis=0),
    )
    return tf.where(mask, draw, safe)


@sample.register
def _(distribution: tfd.MultivariateNormalLinearOperator, seed: Seed):
    static = distribution.batch_shape + distribution.event_shape
    shape = static
    if not static.is_fully_defined():
        shape = tf.concat([distribution.batch_shape_tensor(), distribution.event_shape_tensor()], 0)
    draw = distribution.scale.matvec(normal(shape, seed, distribution.dtype))
    return draw if distribution.loc is None else distribution.loc + draw


@sample.register(class_of_family(tfd.MixtureSameFamily))
def _(distribution: tfd.Distribution, seed: Seed):
    mixture, components = distribution.mixture_distribution, distribution.components_distribution
    rank = distribution.batch_shape.rank
    if not isinstance(mixture, tfd.Categorical) or components.batch_shape.rank != rank + 1:
        return _sample_by_tfp(distribution, seed)
    category_seed, component_seed = split_seed(seed, 2)
    probs = mixture.probs_parameter()
    u = uniform(batch_shape(distribution), category_seed, probs.dtype)
    category = categorical_from_uniform(u, probs)
    return tf.gather(sample(components, component_seed), category, axis=rank, batch_dims=rank)


@sample.register(class_of_family(tfd.JointDistributionNamed))
def _(distribution: tfd.Distribution, seed: Seed):
    model = distribution.model
    # A model is a dict or a NamedTuple.
    fields: dict[str, Any] = dict(model) if isinstance(model, dict) else model._asdict()
    seeds = dict(zip(fields, split_seed(seed, len(fields)), strict=True))
    draws: dict[str, Any] = {}
    while len(draws) < len(fields):
        num_draws = len(draws)
        for name, field in fields.items():
            parents = (
                []
                if isinstance(field, tfd.Distribution)
                else list(inspect.signature(field).parameters)
            )
            if name not in draws and all(parent in draws for parent in parents):
                conditional = (
                    field
                    if isinstance(field, tfd.Distribution)
                    else field(*(draws[parent] for parent in parents))
                )
                draws[name] = sample(conditional, seeds[name])
        if len(draws) == num_draws:
            name = next(name for name in fields if name not in draws)
            raise ValueError(
                f"the function of field {name!r} of a joint distribution must have arguments with"
                f" the names of other fields, {', '.join(fields)}, got"
                f" {', '.join(inspect.signature(fields[name]).parameters)}"
            )
    draws = {name: draws[name] for name in fields}
    return type(model)(**draws) if isinstance(model, tuple) else draws
