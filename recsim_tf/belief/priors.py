# SPDX-License-Identifier: Apache-2.0
"""The families of initial draws that a `GaussianBelief` supports."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from recsim_tf.core import nests, random
from recsim_tf.core.base.types import Nest
from recsim_tf.core.distributions import num_outcomes

_NAMED: Any = random.class_of_family(tfd.JointDistributionNamed)
_SEQUENTIAL: Any = random.class_of_family(tfd.JointDistributionSequential)
_INDEPENDENT: Any = random.class_of_family(tfd.Independent)
_BROADCAST: Any = random.class_of_family(tfd.BatchBroadcast)
_SAMPLE: Any = random.class_of_family(tfd.Sample)
_TRANSFORMED: Any = random.class_of_family(tfd.TransformedDistribution)

# The largest coordinate of a uniform's normal: probabilities beyond it round to 1 in float32.
_MAX_QUANTILE = 5.0


@dataclasses.dataclass
class Normals:
    """A field whose draws are maps of normal coordinates."""

    name: str
    loc: tf.Tensor  # [f], mean of the coordinates
    scale: tf.Tensor  # [f, f], a square root of their covariance
    shape: list[int]  # shape of the bijector's inputs, with f elements
    bijector: tfb.Bijector
    limit: float  # the largest coordinate

    @property
    def size(self) -> int:
        """The number of coordinates, f."""
        return self.loc.shape[0]

    def draws(self, coordinates: tf.Tensor) -> tf.Tensor:
        """The draws [R, ...] with coordinates [R, f]."""
        return self.bijector.forward(tf.reshape(coordinates, [-1, *self.shape]))

    def read(self, draws: tf.Tensor) -> tf.Tensor:
        """The coordinates [R, f] of draws [R, ...]."""
        coordinates = tf.reshape(self.bijector.inverse(draws), [-1, self.size])
        if not self.limit:
            return coordinates
        return tf.clip_by_value(coordinates, -self.limit, self.limit)


@dataclasses.dataclass
class Categories:
    """A field of independent categories."""

    name: str
    log_probs: tf.Tensor  # [..., C]
    dtype: tf.DType  # dtype of a draw [...]

    def read(self, draws: tf.Tensor) -> tf.Tensor:
        """The categories int32 [R, ...] of draws [R, ...]."""
        return tf.cast(draws, tf.int32)


@dataclasses.dataclass
class Constant:
    """A field that is the same for all users."""

    value: tf.Tensor  # [...]


Field = Normals | Categories | Constant


class Prior:
    """The fields of initial draws, and the joint moments of all normal fields.

    Args:
      distribution: the distribution of initial draws, of batch shape [1].
      dtype: dtype of the moments.
    """

    def __init__(self, distribution: tfd.Distribution, dtype: tf.DType):
        self.dtype = dtype
        self.fields = fields(distribution)
        self.flat: list[Field] = tf.nest.flatten(self.fields)
        self.normals = [field for field in self.flat if isinstance(field, Normals)]
        self.categories = [field for field in self.flat if isinstance(field, Categories)]
        self.sizes = [field.size for field in self.normals]
        self.size = sum(self.sizes)  # number of normal coordinates, F

    def loc(self) -> tf.Tensor:
        """The joint mean of the normal coordinates, [F]."""
        parts = [tf.cast(field.loc, self.dtype) for field in self.normals]
        return tf.concat([tf.zeros([0], self.dtype), *parts], axis=0)

    def scale(self) -> tf.Tensor:
        """A square root of the joint covariance, [F, F]."""
        if not self.size:
            return tf.zeros([0, 0], self.dtype)
        blocks = [
            tf.linalg.LinearOperatorFullMatrix(tf.cast(field.scale, self.dtype))
            for field in self.normals
        ]
        return tf.linalg.LinearOperatorBlockDiag(blocks).to_dense()

    def split(self, coordinates: tf.Tensor) -> list[tf.Tensor]:
        """Coordinates [..., f] of each normal field, from joint coordinates [..., F]."""
        return tf.split(coordinates, self.sizes, axis=-1) if self.size else []

    def draws(self, coordinates: list[tf.Tensor], categories: list[tf.Tensor]) -> Nest:
        """Initial draws, a nest of [R, ...], from coordinates [R, f] of each normal field and
        categories int32 [R, ...] of each field of categories.
        """
        coordinates, categories = list(coordinates), list(categories)
        num_rows = nests.num_rows([*coordinates, *categories])
        leaves = []
        for field in self.flat:
            if isinstance(field, Normals):
                leaves.append(field.draws(coordinates.pop(0)))
            elif isinstance(field, Categories):
                leaves.append(tf.cast(categories.pop(0), field.dtype))
            else:
                leaves.append(tf.broadcast_to(field.value, [num_rows, *field.value.shape]))
        return tf.nest.pack_sequence_as(self.fields, leaves)


def fields(distribution: tfd.Distribution, name: str = "the initial draw") -> Nest:
    """The fields of initial draws of batch shape [1], in a nest of the structure of a draw. Raises
    a ValueError for an unknown family, and for a part of a joint distribution that depends on
    others.
    """
    if isinstance(distribution, _NAMED):
        model = distribution.model
        parts = model if isinstance(model, dict) else model._asdict()
        by_name = {key: fields(_part(part, key), key) for key, part in parts.items()}
        return type(model)(**by_name) if isinstance(model, tuple) else by_name
    if isinstance(distribution, _SEQUENTIAL):
        parts = [
            fields(_part(part, f"{name}[{index}]"), f"{name}[{index}]")
            for index, part in enumerate(distribution.model)
        ]
        return type(distribution.model)(parts)
    return _field(distribution, name)


def _part(part: Any, name: str) -> tfd.Distribution:
    if isinstance(part, tfd.Distribution):
        return part
    parents = list(inspect.signature(part).parameters)
    if parents:
        raise ValueError(
            f"{name} must be drawn independently of other draws, for a GaussianBelief, got a"
            f" distribution that depends on {', '.join(parents)}"
        )
    return part()


def _field(distribution: tfd.Distribution, name: str) -> Field:
    if distribution.batch_shape != [1]:
        raise ValueError(
            f"{name} must have the users as batch axis, [num_users], for a GaussianBelief, got the"
            f" batch shape {distribution.batch_shape} for one user"
        )
    core, repeat = _core(distribution)
    if isinstance(core, tfd.Deterministic | tfd.VectorDeterministic):
        return Constant(repeat(core.loc)[0])
    if num_outcomes(core) is not None:
        return Categories(name, repeat(_log_probs(core))[0], core.dtype)
    normals = _normals(distribution)
    if normals is None:
        kinds = [type(each).__name__.lstrip("_") for each in (core, distribution)]
        raise ValueError(
            f"{name} must be Normal, MultivariateNormal, Uniform, a bijector of these as in"
            " LogNormal, Categorical, Bernoulli or Deterministic, for a GaussianBelief, got"
            f" {' inside of '.join(dict.fromkeys(kinds))}"
        )
    loc, spread, bijector, limit = normals
    shape = loc.shape[1:].as_list()
    size = loc[0].shape.num_elements()
    is_matrix = spread.shape.rank > loc.shape.rank
    scale = (
        tf.reshape(spread, [size, size]) if is_matrix else tf.linalg.diag(tf.reshape(spread, [-1]))
    )
    return Normals(name, tf.reshape(loc, [size]), scale, shape, bijector, limit)


def _normals(distribution: tfd.Distribution):
    """The parameters of a normal distribution or a map of one, or None for another family.

    Returns:
      The mean [1, ...], the standard deviation [1, ...] or a square root of the covariance
      [1, f, f], the bijector, and the largest coordinate, or 0 for no limit.
    """
    core, repeat = _core(distribution)
    if isinstance(core, tfd.Normal):
        parameters = core.mean(), core.stddev(), tfb.Identity(), 0.0
    elif isinstance(core, tfd.MultivariateNormalLinearOperator):
        scale = core.scale.to_dense()
        scale = tf.broadcast_to(scale, [*core.batch_shape, *scale.shape[-2:]])
        parameters = core.mean(), scale, tfb.Identity(), 0.0
    elif isinstance(core, tfd.Uniform):
        low = tf.broadcast_to(core.low, core.batch_shape)
        width = tf.broadcast_to(core.range(), core.batch_shape)
        bijector = tfb.Chain([tfb.Shift(low), tfb.Scale(width), tfb.NormalCDF()])
        parameters = tf.zeros_like(low), tf.ones_like(low), bijector, _MAX_QUANTILE
    elif isinstance(core, _TRANSFORMED) and (inside := _normals(core.distribution)):
        loc, scale, inner, limit = inside
        parameters = loc, scale, tfb.Chain([core.bijector, inner]), limit
    else:
        return None
    loc, scale, *rest = parameters
    if core is not distribution and scale.shape.rank > loc.shape.rank:
        return None
    return repeat(loc), repeat(scale), *rest


def _log_probs(distribution: tfd.Distribution):
    """The log-probabilities of the outcomes, [..., C]."""
    outcomes = tf.range(num_outcomes(distribution), dtype=distribution.dtype)
    shape = [-1, *[1] * distribution.batch_shape.rank]
    log_probs = distribution.log_prob(tf.reshape(outcomes, shape))
    return tf.transpose(log_probs, [*range(1, log_probs.shape.rank), 0])


def _core(
    distribution: tfd.Distribution,
) -> tuple[tfd.Distribution, Callable[[tf.Tensor], tf.Tensor]]:
    """The distribution inside of wrappers that only repeat it or reinterpret its axes, and a
    function that repeats its values, [its batch, ...], for the whole distribution.
    """
    if not isinstance(distribution, _INDEPENDENT | _BROADCAST | _SAMPLE):
        return distribution, lambda values: values
    core, repeat = _core(distribution.distribution)
    return core, lambda values: _wrapped(distribution, repeat(values))


def _wrapped(wrapper: tfd.Distribution, values: tf.Tensor) -> tf.Tensor:
    """Values of the distribution in a wrapper, [its batch, ...], repeated for the whole wrapper."""
    inner = wrapper.distribution.batch_shape.as_list()
    rest = values.shape[len(inner) :].as_list()
    if isinstance(wrapper, _BROADCAST):
        return tf.broadcast_to(values, [*wrapper.batch_shape.as_list(), *rest])
    if isinstance(wrapper, _SAMPLE):
        rank = wrapper.event_shape.rank - wrapper.distribution.event_shape.rank
        sample = wrapper.event_shape[:rank].as_list()
        values = tf.reshape(values, [*inner, *[1] * len(sample), *rest])
        return tf.broadcast_to(values, [*inner, *sample, *rest])
    return values
